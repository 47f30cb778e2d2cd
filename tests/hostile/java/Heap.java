// Objects for ever.
import java.util.ArrayList;
public class Heap {
    public static void main(String[] a) {
        var l = new ArrayList<byte[]>();
        for (;;) l.add(new byte[1 << 20]);
    }
}
