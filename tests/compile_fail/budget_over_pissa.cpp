// expect: lorica: Method: a budget cannot move ranks of an adapter that starts with a part of W in it
#include <lorica/lorica.hpp>

using namespace lorica;

int main() {
  cpu::EigenBackend<float> b;
  const auto model = io::load_decoder(b, "model");
  const adapt::Method<adapt::Additive<adapt::LowRank, adapt::AlphaOverRank, adapt::Pissa>,
                      adapt::Smoothed<adapt::Sensitivity>, adapt::Budget<>>
      method;
  return static_cast<int>(adapt::attach(b, model, method).slots().size());
}
