// Not deep but wide: 2^30 instantiations.
template <unsigned long N, int D> struct wide {
    enum { value = wide<N * 2, D - 1>::value + wide<N * 2 + 1, D - 1>::value };
};
template <unsigned long N> struct wide<N, 0> {
    enum { value = 1 };
};
int main() { return wide<1, 30>::value; }
