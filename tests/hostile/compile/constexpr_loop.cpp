// A constant that takes for ever to compute.
constexpr unsigned long f(unsigned n)
{
    return n < 2 ? n : f(n - 1) + f(n - 2);
}
template <unsigned N> struct c {
    static constexpr unsigned long v = f(30 + N % 3) + c<N - 1>::v;
};
template <> struct c<0> {
    static constexpr unsigned long v = 1;
};
int main() { return c<300>::v & 1; }
