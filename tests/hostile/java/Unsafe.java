// Writes where nothing is, through the class that can.
public class Unsafe {
    public static void main(String[] a) throws Exception {
        var f = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        f.setAccessible(true);
        ((sun.misc.Unsafe) f.get(null)).putLong(0, 0);
    }
}
