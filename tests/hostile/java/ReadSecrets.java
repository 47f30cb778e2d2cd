// Reads files of the machine.
import java.nio.file.*;
public class ReadSecrets {
    public static void main(String[] a) {
        for (String p : new String[] {a[1], "/etc/shadow", "/proc/1/environ", "/etc/machine-id"})
            try {
                System.out.println("ESCAPED " + p + Files.readString(Path.of(p)));
            } catch (Exception e) { System.out.println("held " + e); }
        System.out.println(System.getenv());
    }
}
