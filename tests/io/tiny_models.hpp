// SPDX-License-Identifier: MIT
/// @file tests/io/tiny_models.hpp
/// The models of oracle/make_models.py against what transformers and PEFT make of them.
#pragma once

#include "support/backends.hpp"
#include "support/op_cases.hpp"

#include <lorica/adapt/attach.hpp>
#include <lorica/io/model_folder.hpp>
#include <lorica/nn/head_objectives.hpp>

#include <filesystem>

namespace lorica::test {

inline std::filesystem::path tiny_model_folder(const std::string& name) {
  return std::filesystem::path(LORICA_TESTS_DIR) / "oracle/models" / name;
}

/// The head that the oracle's class of model has, by what the folder's name ends with.
inline std::optional<nn::HeadConfig> tiny_head(const std::string& name, const io::SafeTensors& expected) {
  const auto outputs = [&] { return expected.info("logits.0").shape.back(); };
  if (name.ends_with("_span")) return nn::span_head();
  if (name.ends_with("_score")) return nn::decoder_head(outputs());
  if (name.starts_with("bert")) return nn::bert_head(outputs());
  if (name.starts_with("roberta")) return nn::roberta_head(outputs());
  if (name.starts_with("deberta")) return nn::deberta_head(outputs());
  return {};
}

/// States, logits, loss, and the gradient of every LoRA factor and of the head, all relative to `tolerance`.
template <Backend B> void is_as_in_transformers(const std::string& name, double tolerance) {
  B b;
  const auto folder = tiny_model_folder(name);
  const io::SafeTensors expected(folder / "expected.safetensors");
  const io::ModelFolder files(folder);
  const auto model = io::load_model(b, files);
  const auto head_config = tiny_head(name, expected);
  std::optional<nn::Head<B>> head;
  if (head_config)
    head.emplace(b, *head_config, model.config().width,
                 [&](const std::string& tensor, Shape s) { return files.weights->numbers(tensor, s); });

  nn::Sequences all;
  std::vector<double> hidden, logits;
  for (int i = 0; expected.contains("ids." + std::to_string(i)); ++i) {
    const std::string n = std::to_string(i);
    const auto ids = expected.read<std::int32_t>("ids." + n);
    const auto types = expected.contains("types." + n) ? expected.read<std::int32_t>("types." + n)
                                                       : std::vector<std::int32_t>();
    nn::Label label;
    if (expected.contains("value." + n)) label.value = expected.read<float>("value." + n)[0];
    if (expected.contains("label." + n)) {
      const auto wanted = expected.read<std::int32_t>("label." + n);
      label.category = label.first = wanted[0];
      label.last = wanted.back();
    }
    if (head) {
      all.add(ids, types, label);
    } else {
      std::vector<std::int32_t> next(ids.begin() + 1, ids.end());
      next.push_back(no_target);
      all.add(ids, next);
    }
    for (const double x : expected.read<double>("hidden." + n)) hidden.push_back(x);
    for (const double x : expected.read<double>("logits." + n)) logits.push_back(x);
  }
  const nn::Batch<B> batch(b, all);
  auto adapted =
      adapt::attach(b, model, adapt::Lora{.adapter = {.scaling = {.alpha = 4}}, .placement = {.rank = 2}});
  std::size_t factors = 0;
  const auto each_factor = [&](auto f) {
    for (auto& slot : adapted.slots()) {
      const std::string module = files.what.names.module(slot.site.path);
      f(slot.state.factors.a, module + ".lora_A");
      f(slot.state.factors.b, module + ".lora_B");
    }
  };
  each_factor([&](Parameter<B>& p, const std::string& key) {
    p.value = MasterTensor<B>(b, p.rows(), p.cols(), expected.read<double>(key, {p.rows(), p.cols()}));
    ++factors;
  });
  std::size_t wanted = 0;
  for (const auto& t : expected.tensors()) wanted += t.name.find(".lora_") != std::string::npos ? 1 : 0;
  CHECK(2 * factors == wanted);  // each has a gradient beside it

  {
    Tape<B> tape(b, false);
    const auto states = model.forward(tape, batch, adapted);
    CHECK(relative_error(states.value().template host<double>(b), hidden) < tolerance);
    const auto got =
        head ? (*head)(states, batch.where).value().template host<double>(b) : std::vector<double>();
    if (head) {
      CHECK(relative_error(got, logits) < tolerance);
    } else {
      MasterTensor<B> z(b, batch.rows(), model.config().vocabulary);
      lorica::detail::logits_of(b, states.value().cref(), model.head(),
                                MatrixRef<typename B::master>(z.ref()));
      CHECK(relative_error(z.template host<double>(b), logits) < tolerance);
    }
  }
  const auto descend = [&](const auto& objective) {
    Tape<B> tape(b);
    const auto loss = objective.loss(tape, model, adapted, batch);
    CHECK(loss.sum.value().template host<double>(b)[0] ==
          Approx(expected.read<double>("loss")[0]).epsilon(tolerance));
    tape.backward(loss.sum);
  };
  if (!head)
    descend(nn::NextToken{});
  else if (name.ends_with("_span"))
    descend(nn::Span<B>{&*head});
  else if (name.ends_with("_regression"))
    descend(nn::Regression<B>{&*head});
  else
    descend(nn::Classification<B>{{&*head}});
  each_factor([&](Parameter<B>& p, const std::string& key) {
    INFO(key);
    CHECK(relative_error(p.grad.template host<double>(b), expected.read<double>("grad." + key)) <
          4 * tolerance);
  });
  if (head)
    head->for_each_parameter([&](Parameter<B>& p) {
      INFO(p.name);
      auto got = p.grad.template host<double>(b), want = expected.read<double>("grad." + p.name);
      for (double& g : got)
        g += 1e-3;  // one that is 0 but for rounding (a span's bias) has no relative error
      for (double& w : want) w += 1e-3;
      CHECK(relative_error(got, want) < 40 * tolerance);
    });
}

}  // namespace lorica::test
