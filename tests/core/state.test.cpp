// SPDX-License-Identifier: MIT
#include "support/catch.hpp"

#include <lorica/core/state.hpp>
#include <lorica/cpu/eigen_backend.hpp>

#include <map>

using namespace lorica;
using B = cpu::EigenBackend<double>;

namespace {

/// Two numbers and a matrix that evolve.
struct Evolving {
  MasterTensor<B> w;
  double average = 0;
  index_t step = 0;
  void visit_state(StateVisitor<B>& v) {
    v.tensor("w", w);
    v.number("average", average);
    v.count("step", step);
  }
};
struct Reader final : StateVisitor<B> {
  B& b;
  std::map<std::string, std::vector<double>> seen = {};
  explicit Reader(B& backend) : b(backend) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override { seen[name] = t.host(b); }
  void number(const std::string& name, double& x) override { seen[name] = {x}; }
  void count(const std::string& name, index_t& n) override { seen[name] = {double(n)}; }
};
struct Restorer final : StateVisitor<B> {
  B& b;
  const std::map<std::string, std::vector<double>>& from;
  Restorer(B& backend, const std::map<std::string, std::vector<double>>& f) : b(backend), from(f) {}
  void tensor(const std::string& name, MasterTensor<B>& t) override {
    t = MasterTensor<B>(b, t.rows(), t.cols(), from.at(name));
  }
  void number(const std::string& name, double& x) override { x = from.at(name)[0]; }
  void count(const std::string& name, index_t& n) override { n = static_cast<index_t>(from.at(name)[0]); }
};

}  // namespace

TEST_CASE("a visitor that saves and one that restores carry a whole state over", "[core][state]") {
  B b;
  Evolving one{MasterTensor<B>(b, 2, 2, std::vector<double>{1, 2, 3, 4}), 0.5, 7},
      other{zeros<double>(b, 2, 2), 0, 0};
  Reader save(b);
  one.visit_state(save);
  CHECK(save.seen.size() == 3);
  Restorer restore(b, save.seen);
  other.visit_state(restore);
  CHECK(other.w.host(b) == std::vector<double>{1, 2, 3, 4});
  CHECK(other.average == 0.5);
  CHECK(other.step == 7);
}
