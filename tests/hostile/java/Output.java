// Output for ever.
public class Output {
    public static void main(String[] a) { for (;;) System.out.println("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"); }
}
