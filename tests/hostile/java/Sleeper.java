// Sleeps for ever, with a shutdown hook that does too.
public class Sleeper {
    public static void main(String[] a) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { for (;;) ; }));
        Thread.sleep(Long.MAX_VALUE);
    }
}
