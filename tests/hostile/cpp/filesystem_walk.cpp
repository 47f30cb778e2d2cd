// Walks the whole file system with the standard library.
#include <filesystem>
#include <iostream>
namespace fs = std::filesystem;
int main(int argc, char **argv)
{
    std::error_code ec;
    long n = 0;
    for (auto it = fs::recursive_directory_iterator("/", fs::directory_options::skip_permission_denied, ec);
         !ec && it != fs::end(it) && n < 200000; it.increment(ec))
        n++;
    std::cout << n << " files in sight\n";
    for (const char *p : {"/etc/shadow", "/var/lib/dpkg/status", "/usr/bin/sudo"})
        std::cout << (fs::exists(p, ec) ? "ESCAPED " : "held ") << p << "\n";
    if (argc > 2)
        std::cout << (fs::exists(argv[2], ec) ? "ESCAPED\n" : "held\n");
}
