// A link where an output file is expected.
import java.nio.file.*;
public class Links {
    public static void main(String[] a) throws Exception {
        Files.createSymbolicLink(Path.of("wanted.txt"), Path.of(a[1]));
        System.out.println("held: planted");
    }
}
