// A terminate handler that does not.
#include <exception>
#include <unistd.h>
int main()
{
    std::set_terminate([] {
        for (;;)
            pause();
    });
    throw 1;
}
