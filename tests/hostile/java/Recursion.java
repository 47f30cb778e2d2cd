// Recursion without end.
public class Recursion {
    static int f(int x) { return f(x + 1) + 1; }
    public static void main(String[] a) { f(0); }
}
