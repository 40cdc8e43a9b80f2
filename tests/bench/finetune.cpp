// SPDX-License-Identifier: MIT
/// @file tests/bench/finetune.cpp
/// How fast the real encoder of LORICA_MINILM learns SST-2 (LORICA_DATA): sentences of their own lengths, no
/// padding, LoRA of rank 8 on all 36 linears and a head. Printed are tokens a second, and the flop/s of the
/// step's matrix products beside the rate of one product of the batch's tokens, [rows, 384] x [384, 1536],
/// taken in turns with the steps.
#include "bench/products.hpp"

#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>
#include <lorica/io/model_head.hpp>
#include <lorica/nn/head_objectives.hpp>
#include <lorica/tasks/example_rows.hpp>
#include <lorica/text/load.hpp>
#include <lorica/train/fit.hpp>

#include <cstdlib>

using namespace lorica;
using namespace lorica::bench;
using B = cpu::EigenBackend<float>;

namespace {
constexpr index_t batch = 32, steps = 60, warm_up = 10, rank = 8;
constexpr int turns = 5;  // steps between two measurements of the product

/// Flop of a step's products: every linear forward, and backward to its input but where that is the
/// embedding; its adapter forward and backward to input and factors; the scores of attention.
double work_of(const nn::AnyModel<B>& model, double tokens, double pairs) {
  double all = 0;
  index_t width = 0, layers = 0;
  model.for_each_site([&](const SiteInfo& s, const WeightView<B>&) {
    const bool first =
        s.layer == 0 && (s.role == Role::query || s.role == Role::key || s.role == Role::value);
    all += (first ? 2.0 : 4.0) * double(s.in * s.out) * tokens;
    all += 2.0 * double(rank * (s.in + s.out)) * tokens * (first ? 2.0 : 3.0);
    if (s.role == Role::output) {
      width = s.in;
      ++layers;
    }
  });
  return all + 12.0 * double(width * layers) * pairs;  // q k^T and p v, twice more backward
}
}  // namespace

int main() {
  const char *folder = std::getenv("LORICA_MINILM"), *data = std::getenv("LORICA_DATA");
  if (folder == nullptr || data == nullptr) {
    std::puts(folder == nullptr ? "skipped: LORICA_MINILM is not set" : "skipped: LORICA_DATA is not set");
    return 77;
  }
  B b;
  const io::ModelFolder files(folder);
  const auto model = io::load_model(b, files);
  const auto tokenizer = text::load(folder);
  const auto& task = tasks::glue("SST-2");
  const auto examples = tasks::read_examples(task, std::filesystem::path(data) / "glue/SST-2/train.tsv");
  const auto start = Clock::now();
  const auto rows = tasks::example_rows(tokenizer, task, examples);
  std::printf("%zu sentences, %td tokens, tokenized in %.2f s\n", examples.size(), rows.sequences().rows(),
              seconds_since(start));

  auto lora = adapt::attach(b, model, adapt::Lora{.placement = {.rank = rank}});
  nn::Head<B> head(b, io::sequence_head(files.what.names, 2), model.config().width,
                   io::head_source(files, {}, nn::initial_head(0)));
  const auto mean = rows.sequences().rows() * batch / rows.size();
  Products product(mean, 1536, 384);
  double tokens = 0, seconds = 0;
  std::vector<double> by_step;  // tokens/s
  const auto after = [&](const train::StepInfo& s) {
    if (s.step >= warm_up) {
      tokens += double(s.tokens);
      seconds += s.seconds;
      by_step.push_back(double(s.tokens) / s.seconds);
    }
    if (s.step >= warm_up && s.step % turns == 0) product.measure();
  };
  train::fit(b, model, lora, rows, {.steps = steps, .batch = batch, .optimizer = {.lr = 1e-3}},
             nn::Classification<B>{{&head}}, AfterStep{after});
  const double peak = product.print();
  // A sentence of 13 tokens has 169 pairs of them; that is a hundredth of the work, so the mean will do.
  const double length = double(rows.sequences().rows()) / double(rows.size());
  const double rate = work_of(model, tokens, tokens * length) / seconds;
  std::printf("steps of %td sentences, about %td tokens: %.0f tokens/s (median of a step %.0f)\n", batch,
              mean, tokens / seconds, median(by_step));
  std::printf("products of a step: %.1f GF/s; the rate to compare with: %.1f GF/s\nfraction: %.2f\n",
              rate * 1e-9, peak * 1e-9, rate / peak);
}
