// Asks for more than there can be: the allocator refuses, the kernel never sees it.
#include <vector>
int main()
{
    std::vector<long> v(1ull << 59);
    return v.size() > 1;
}
