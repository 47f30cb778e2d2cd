// Templates that instantiate templates, twice each, without end.
template <int N, class T> struct bomb {
    bomb<N + 1, bomb<N, T>> a;
    bomb<N + 1, T> b;
    enum { value = decltype(a)::value + decltype(b)::value };
};
int main() { return bomb<0, int>::value; }
