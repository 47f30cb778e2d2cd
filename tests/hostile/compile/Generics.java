// Types whose bounds grow exponentially when compared.
public class Generics {
    interface I<T> { }
    static class C<P> implements I<I<? super C<C<P>>>> { }
    static I<? super C<Byte>> x = null;
    static I<? super C<Byte>> f(C<Byte> c) { return c; }
    public static void main(String[] a) { I<? super C<Byte>> i = new C<Byte>(); }
}
