// Threads for ever.
public class Threads {
    public static void main(String[] a) throws Exception {
        for (int i = 0; i < 100000; i++)
            new Thread(() -> { try { Thread.sleep(1L << 40); } catch (InterruptedException e) { } }).start();
        System.out.println("ESCAPED: 100000 threads");
    }
}
