// SPDX-License-Identifier: MIT
#include <lorica/cpu/idle.hpp>

#include "support/catch.hpp"

#if defined(_OPENMP) && defined(__linux__)
#  include <sys/wait.h>
#  include <unistd.h>

#  include <atomic>
#  include <string>

using namespace lorica;

namespace {
/// Exit code of a child that asks for idle threads that sleep, and is then the hidden test below.
int child(const char* variable, const char* value) {
  const pid_t pid = fork();
  if (pid == 0) {
    for (const char* v : {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"}) unsetenv(v);
    if (variable != nullptr) setenv(variable, value, 1);
    std::string self = "cpu_tests", which = "what the child finds";
    char* argv[] = {self.data(), which.data(), nullptr};
    cpu::let_idle_threads_sleep(argv);
    _exit(3);  // it returned
  }
  int status = 0;
  waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
}  // namespace

TEST_CASE("a program starts anew with idle threads that sleep, unless it was told how they wait",
          "[cpu][idle]") {
  CHECK(child(nullptr, nullptr) == 42);
  CHECK(child("OMP_WAIT_POLICY", "active") == 3);
  CHECK(child("GOMP_SPINCOUNT", "7") == 3);
  CHECK(child("KMP_BLOCKTIME", "7") == 3);
}

TEST_CASE("who computes beside us is seen", "[cpu][idle]") {
  const auto begin = std::chrono::steady_clock::now();
  std::atomic<bool> done = false;
  std::thread other([&] {
    while (!done) {
    }
  });
  bool seen = false;  // a busy machine may not let the other run at once
  while (!seen && std::chrono::steady_clock::now() - begin < std::chrono::seconds(20))
    seen = cpu::others_at_work();
  done = true;
  other.join();
  CHECK(seen);
}

TEST_CASE("what the child finds", "[.]") {
  const char* spins = std::getenv("GOMP_SPINCOUNT");
  _exit(spins != nullptr && std::string(spins) == "1000" ? 42 : 1);
}
#endif
