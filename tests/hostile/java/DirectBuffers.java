// Memory outside the heap.
import java.nio.ByteBuffer;
import java.util.ArrayList;
public class DirectBuffers {
    public static void main(String[] a) {
        var l = new ArrayList<ByteBuffer>();
        for (;;) { var b = ByteBuffer.allocateDirect(1 << 20); while (b.hasRemaining()) b.putLong(1); l.add(b); }
    }
}
