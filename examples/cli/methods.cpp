// SPDX-License-Identifier: MIT
// The methods by name.
#include "run.hpp"

#include <lorica/io/nearest.hpp>

namespace lorica::cli {

namespace {
constexpr MethodInfo every_method[] = {
    {"lora", "B A, alpha/r (Hu et al. 2021)", Adapter::lora},
    {"rslora", "B A, alpha/sqrt(r) (Kalajdzievski 2023)", Adapter::rslora},
    {"lora-plus", "B A, B learns faster than A (Hayou et al. 2024)", Adapter::plus},
    {"lora-fa", "B A, A frozen (Zhang et al. 2023)", Adapter::frozen_a},
    {"gaussian", "B A from a Gaussian A, as PEFT has it", Adapter::gaussian},
    {"orthogonal", "B A from an orthogonal pair, as PEFT has it; even ranks", Adapter::orthogonal},
    {"pissa", "B A from the principal part of W (Meng et al. 2024)", Adapter::pissa},
    {"olora", "B A from the QR of W (Bueyuekakyuez 2024)", Adapter::olora},
    {"dora", "magnitude and direction apart (Liu et al. 2024)", Adapter::dora},
    {"svd", "P diag(lambda) Q, all of it kept (Zhang et al. 2023)", Adapter::svd},
    {"adalora", "P diag(lambda) Q under a budget, by sensitivity (Zhang et al. 2023)", Adapter::svd,
     Where::everywhere, Score::sensitivity},
    {"adalora-movement", "the same, by movement (Kim et al.)", Adapter::svd, Where::everywhere,
     Score::movement},
    {"adalora-fisher", "the same, by Fisher information inside AdaLoRA's averages (Kim et al.)", Adapter::svd,
     Where::everywhere, Score::fisher},
    {"adalora-fisher-mean", "the same, by a running average of it", Adapter::svd, Where::everywhere,
     Score::fisher_mean},
    {"adalora-gsnr", "the same, by gradient signal to noise inside AdaLoRA's averages (Kim et al.)",
     Adapter::svd, Where::everywhere, Score::gsnr},
    {"adalora-gsnr-raw", "the same, by the ratio alone", Adapter::svd, Where::everywhere, Score::gsnr_raw},
    {"adalora-magnitude", "the same, by the size of the entries", Adapter::svd, Where::everywhere,
     Score::magnitude},
    {"adalora-spectrum", "the same, by |lambda| alone", Adapter::svd, Where::everywhere, Score::spectrum},
    {"prune-lora", "B A under a budget, by sensitivity (Zhang et al. 2023, table 4)", Adapter::lora,
     Where::everywhere, Score::sensitivity},
    {"exact-svd", "B A under a budget, by its singular values, computed at every cut", Adapter::exact_svd,
     Where::everywhere, Score::spectrum},
    {"domlora", "B A at the PAGE-dominant site alone (arXiv 2605.06183)", Adapter::lora, Where::dominant},
    {"domlora-rslora", "the same with alpha/sqrt(r)", Adapter::rslora, Where::dominant},
    {"domlora-dora", "the same with DoRA", Adapter::dora, Where::dominant},
    {"domlora-pissa", "the same from the principal part of W", Adapter::pissa, Where::dominant},
    {"domlora-svd", "the same with P diag(lambda) Q", Adapter::svd, Where::dominant},
    {"bias", "a bias at every site and nothing else (BitFit, Ben Zaken et al. 2021, without norms)",
     Adapter::bias},
    {"full", "all of the weights at the sites: full fine-tuning without embeddings and norms",
     Adapter::whole},
    {"proportional", "B A with ranks shared out by PAGE under a total", Adapter::lora, Where::proportional},
};
}  // namespace

std::span<const MethodInfo> methods() { return every_method; }

const MethodInfo& method_named(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& m : every_method) {
    if (name == m.name) return m;
    names.emplace_back(m.name);
  }
  throw ConfigError(message("there is no method '", name, "'; the nearest is '", io::nearest(name, names),
                            "' ('lorica methods' lists all)"));
}

}  // namespace lorica::cli
