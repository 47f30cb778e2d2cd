// Never ends.
public class Busy {
    public static void main(String[] a) { long i = 0; while (true) i++; }
}
