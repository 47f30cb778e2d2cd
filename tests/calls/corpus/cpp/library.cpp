// SPDX-License-Identifier: MPL-2.0
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iomanip>
#include <iostream>
#include <locale>
#include <map>
#include <memory_resource>
#include <mutex>
#include <numeric>
#include <random>
#include <regex>
#include <shared_mutex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

static void must(bool yes, const char *what)
{
    if (!yes)
        throw std::runtime_error(what);
}

static void streams()
{
    std::ofstream("a.txt") << "one " << 2 << " 3.5\n" << std::hex << 255 << "\n";
    std::fstream f("a.txt", std::ios::in | std::ios::out | std::ios::app);
    std::string word;
    int two;
    double half;
    f >> word >> two >> half;
    must(word == "one" && two == 2 && half == 3.5, "reads what was written");
    f.clear();
    f.seekp(0, std::ios::end);
    f << std::put_time(std::localtime(std::make_unique<std::time_t>(0).get()), "%c");
    std::ostringstream out;
    out.imbue(std::locale::classic());
    out << std::setw(8) << std::setprecision(3) << 3.14159;
    must(out.str() == "    3.14", "formats");
    std::string line;
    while (std::getline(std::cin, line))
        std::cout << line << std::endl;
}

static void files()
{
    fs::create_directories("d/e/f");
    fs::copy_file("a.txt", "d/b.txt");
    fs::copy("d", "g", fs::copy_options::recursive);
    fs::create_symlink("b.txt", "d/c");
    fs::create_directory_symlink("e", "d/h");
    fs::create_hard_link("a.txt", "d/hard");
    must(fs::equivalent("a.txt", "d/hard") && fs::hard_link_count("a.txt") == 2, "links");
    must(fs::read_symlink("d/c") == "b.txt" && fs::is_symlink("d/c"), "symbolic links");
    fs::permissions("d/b.txt", fs::perms::owner_all);
    fs::last_write_time("d/b.txt", fs::file_time_type::clock::now() - 1h);
    fs::resize_file("d/b.txt", 3);
    must(fs::file_size("d/b.txt") == 3 && fs::space(".").capacity > 0, "sizes");
    int n = 0;
    for (const auto &e : fs::recursive_directory_iterator("d"))
        n += e.exists();
    must(n == 6, "walks");
    fs::rename("g", "i");
    must(fs::canonical("i/../d") == fs::current_path() / "d", "canonical");
    must(fs::remove_all("i") > 0 && !fs::exists("i") && fs::remove("d/c"), "removes");
    must(!fs::temp_directory_path().empty() && fs::absolute("x").is_absolute(), "paths");
    std::error_code none;
    must(!fs::exists("/nowhere", none), "what is not there is not there");
}

static void threads()
{
    std::vector<std::thread> all;
    std::mutex m;
    std::shared_mutex sm;
    std::condition_variable cv;
    std::atomic<int> n{0};
    int done = 0;
    for (int i = 0; i < 6; i++)
        all.emplace_back([&] {
            for (int k = 0; k < 1000; k++) {
                std::shared_lock<std::shared_mutex> r(sm);
                n++;
            }
            std::lock_guard<std::mutex> l(m);
            done++;
            cv.notify_one();
        });
    {
        std::unique_lock<std::mutex> l(m);
        cv.wait_for(l, 20s, [&] { return done == 6; });
    }
    for (auto &t : all)
        t.join();
    must(n == 6000, "threads");
    auto f = std::async(std::launch::async, [] { return 6 * 7; });
    std::promise<int> p;
    std::thread([&] { p.set_value(1); }).detach();
    must(f.get() == 42 && p.get_future().get() == 1, "futures");
    std::packaged_task<int()> task([] { return 3; });
    auto r = task.get_future();
    std::thread(std::move(task)).join();
    must(r.get() == 3 && std::thread::hardware_concurrency() > 0, "tasks");
    std::recursive_timed_mutex rt;
    must(rt.try_lock_for(1ms), "timed locks");
    std::this_thread::yield();
}

static void rest()
{
    auto start = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(2ms);
    std::this_thread::sleep_until(std::chrono::system_clock::now() + 1ms);
    must(std::chrono::steady_clock::now() - start >= 3ms, "time passes");
    std::random_device rd;
    std::mt19937_64 g(rd());
    std::vector<int> v(1 << 20);
    std::iota(v.begin(), v.end(), 0);
    std::shuffle(v.begin(), v.end(), g);
    std::sort(v.begin(), v.end());
    must(std::is_sorted(v.begin(), v.end()), "sorts");
    must(std::regex_search("key=value", std::regex("(\\w+)=(\\w+)")), "matches");
    std::pmr::monotonic_buffer_resource pool;
    std::pmr::map<int, std::pmr::string> m(&pool);
    for (int i = 0; i < 1000; i++)
        m.emplace(i, std::to_string(i));
    std::vector<char> big(24 << 20, 'x');
    big.resize(32 << 20);
    try {
        std::vector<char> more(1UL << 46);
    } catch (const std::bad_alloc &) {
        return;
    }
    must(false, "that much memory is not there");
}

int main()
{
    streams();
    files();
    threads();
    rest();
    std::cout << "ok" << std::endl;
}
