// The largest headers there are, many times over: what memory a compiler may take.
#include <bits/stdc++.h>
template <int N> struct m {
    std::map<int, std::map<int, std::array<int, N>>> a;
    std::regex r;
    m<N - 1> next;
};
template <> struct m<0> {
};
int main()
{
    m<800> x;
    return sizeof(x) & 1;
}
