// std::thread for ever.
#include <chrono>
#include <cstdio>
#include <system_error>
#include <thread>
int main()
{
    try {
        for (int i = 0; i < 100000; i++)
            std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
        std::puts("ESCAPED: 100000 threads");
    } catch (const std::system_error &e) {
        std::printf("held: %s\n", e.what());
        std::fflush(stdout);
        std::_Exit(0);
    }
}
