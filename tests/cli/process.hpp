// The program in a process of its own, silent, that can be killed.
#pragma once

#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace spikesmith::test {

class Process {
  public:
    explicit Process(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), SPIKESMITH_PROGRAM);
        std::vector<char*> words;
        for (std::string& argument : arguments) words.push_back(argument.data());
        words.push_back(nullptr);
        posix_spawn_file_actions_t actions{};
        posix_spawn_file_actions_init(&actions);
        for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
            posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_WRONLY, 0);
        const int failure = posix_spawn(&id_, SPIKESMITH_PROGRAM, &actions, nullptr, words.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        if (failure != 0) throw std::runtime_error("cannot start " SPIKESMITH_PROGRAM);
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process() {
        if (id_ != 0) kill();
    }

    void interrupt() const { ::kill(id_, SIGINT); }
    // The exit code.
    int wait() {
        int status = 0;
        ::waitpid(std::exchange(id_, 0), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    // Whether there was something to kill: false if it had ended by itself.
    bool kill() {
        ::kill(id_, SIGKILL);
        int status = 0;
        ::waitpid(std::exchange(id_, 0), &status, 0);
        return WIFSIGNALED(status);
    }

  private:
    pid_t id_ = 0;
};

}  // namespace spikesmith::test
