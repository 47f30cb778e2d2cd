// Connects to the machine.
import java.net.*;
public class Net {
    public static void main(String[] a) {
        for (String h : new String[] {"127.0.0.1", "1.1.1.1"})
            try (Socket s = new Socket()) {
                s.connect(new InetSocketAddress(h, Integer.parseInt(a[0])), 1500);
                System.out.println("ESCAPED " + h);
            } catch (Exception e) { System.out.println("held " + e.getMessage()); }
    }
}
