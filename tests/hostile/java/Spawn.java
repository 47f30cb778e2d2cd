// Starts programs.
public class Spawn {
    public static void main(String[] a) throws Exception {
        for (String p : new String[] {"/bin/sh", "/usr/bin/id", "/usr/bin/env"}) {
            try {
                System.out.println("ESCAPED " + new ProcessBuilder(p).start().pid());
            } catch (java.io.IOException e) { System.out.println("held " + e.getMessage()); }
        }
    }
}
