// Runs a command and prints its wall time and the largest memory it held, as the operating system accounts for a finished
// process. Usage: peak_memory COMMAND [ARGUMENT...]; exits as the command did. Links nothing, so that its own memory, the
// least that can be measured, is small.
#include <chrono>
#include <cstdio>
#include <cstring>

#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char** environ;

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: peak_memory COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    const auto start = std::chrono::steady_clock::now();
    pid_t child = 0;
    if (const int failure = posix_spawnp(&child, argv[1], nullptr, nullptr, argv + 1, environ); failure != 0) {
        std::fprintf(stderr, "peak_memory: cannot run %s: %s\n", argv[1], std::strerror(failure));
        return 127;
    }
    int status = 0;
    rusage usage{};
    if (wait4(child, &status, 0, &usage) < 0) {
        std::perror("peak_memory");
        return 127;
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("wall %.3f s, peak memory %.1f MB\n", seconds.count(),
                static_cast<double>(usage.ru_maxrss) * 1024 / 1e6);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
