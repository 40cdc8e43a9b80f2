// SPDX-License-Identifier: MIT
#include <lorica/adapt/adapted.hpp>

#include "adapt/toy.hpp"

#include <lorica/io/json.hpp>

#include <filesystem>

using namespace lorica;
using namespace lorica::adapt;
using test::error_of;
using R = test::Reference;

namespace {
std::string error_at(const std::vector<index_t>& rank) {
  R b;
  const test::Toy<R> model(b);
  return error_of<ConfigError>([&] { (void)Adapted<R, Lora>(b, model, {}, Placement{rank}, 0); });
}
/// What a state visitor is shown.
struct Names final : StateVisitor<R> {
  std::vector<std::string> names;
  void tensor(const std::string& name, MasterTensor<R>&) override { names.push_back(name); }
  void number(const std::string& name, double&) override { names.push_back(name); }
  void count(const std::string& name, index_t&) override { names.push_back(name); }
};

/// Numbers as oracle/adapters.py has them: plus + scale x / 128, x in -100 .. 100 by a hash of name and
/// index.
std::vector<double> hashed(const std::string& name, index_t n, double scale = 1, double plus = 0) {
  std::uint32_t h = 2166136261u;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 16777619u;
  std::vector<double> out;
  for (index_t i = 0; i < n; ++i) {
    std::uint32_t x = h + static_cast<std::uint32_t>(i) * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    out.push_back(plus + scale * (double(x % 201) - 100) / 128);
  }
  return out;
}
std::vector<float> oracle_weight(const std::string& name, Shape s) {
  const bool table = name == "embedding.weight" || name == "positions.weight",
             gain = name.find("norm") != std::string::npos && name.ends_with(".weight");
  const auto v = hashed(name, s.rows * s.cols, table ? 1 : s.rows == 1 ? 0.25 : 0.5, gain ? 1 : 0);
  return {v.begin(), v.end()};
}
template <class T = double> std::vector<T> list(const io::json::Value& from) {
  std::vector<T> out;
  for (const auto& x : from.as_array()) out.push_back(static_cast<T>(x.as_number()));
  return out;
}
/// Logits, loss, penalty and all gradients of one case of the oracle, against ours.
template <class Block, class M>
void is_as_in_pytorch(const io::json::Value& oracle, const io::json::Value& want, M method) {
  R b;
  const nn::Transformer<R, Block> model(b, test::tiny<Block>(), oracle_weight);
  nn::Sequences s;
  for (const auto& one : oracle.at("sequences").as_array())
    s.add(list<std::int32_t>(one.at("ids")), list<std::int32_t>(one.at("targets")));
  method.adapter.scaling.alpha = oracle.at("alpha").as_number();
  const std::vector<index_t> rank(static_cast<std::size_t>(model.site_count()),
                                  oracle.at("rank").as_integer());
  Adapted<R, M> adapted(b, model, method, Placement{rank}, 0);
  adapted.for_each_parameter([&](Parameter<R>& p, double) {
    p.value = MasterTensor<R>(b, p.rows(), p.cols(), hashed(p.name, p.rows() * p.cols(), 0.5));
  });
  test::Matrix states(s.rows(), 16);
  states.numbers = test::states(b, model, adapted, s);
  CHECK(test::relative_error(test::product_nt(states, test::matrix(b, model.head().dense(b))).numbers,
                             list(want.at("logits"))) < 1e-12);
  CHECK(test::backward(b, model, adapted, s) == Approx(want.at("loss").as_number()).epsilon(1e-13));
  Tape<R> tape(b);
  if (const auto penalty = adapted.penalty(tape)) {
    CHECK(penalty->value().template host<double>(b)[0] ==
          Approx(want.at("penalty").as_number()).epsilon(1e-13));
    tape.backward(*penalty);
  } else {
    CHECK(want.at("penalty").as_number() == 0);
  }
  const auto gradients = test::gradients(b, adapted);
  std::size_t seen = 0;
  for (const auto& [name, g] : gradients) {
    INFO(name);
    CHECK(test::relative_error(g, list(want.at("gradients").at(name))) < 1e-11);
    ++seen;
  }
  CHECK(seen == want.at("gradients").as_object().size());
}
}  // namespace

TEST_CASE("logits, loss and every gradient of adapters on all linears are PyTorch's",
          "[adapt][adapted][oracle]") {
  const auto oracle = io::json::read(std::filesystem::path(LORICA_TESTS_DIR) / "oracle/adapters.json");
  REQUIRE(oracle.at("cases").as_array().size() == 4);
  for (const auto& want : oracle.at("cases").as_array()) {
    const std::string family = want.at("family").as_string(), method = want.at("method").as_string();
    INFO(family << ", " << method);
    if (method == "svd")
      is_as_in_pytorch<nn::LlamaBlock>(
          oracle, want,
          SvdLora{.adapter = {.shape = {.orthogonality = oracle.at("orthogonality").as_number()}}});
    else if (family == "llama")
      is_as_in_pytorch<nn::LlamaBlock>(oracle, want, Lora{});
    else if (family == "gpt")
      is_as_in_pytorch<test::GptBlock>(oracle, want, Lora{});
    else
      is_as_in_pytorch<nn::BertBlock>(oracle, want, Lora{});
  }
}

TEST_CASE("adapters stand where the placement has a rank", "[adapt][adapted]") {
  R b;
  const test::Toy<R> model(b);
  Adapted<R, Lora> adapted(b, model, {}, Placement{{0, 3, 0, 1}}, 4);
  REQUIRE(adapted.slots().size() == 2);
  CHECK(adapted.slots()[0].site.path == "blocks.0.down");
  CHECK(adapted.slots()[0].rank == 3);
  CHECK(adapted.slots()[1].site.path == "blocks.1.down");
  CHECK(adapted.parameter_count() == 4 * (10 + 6));
  CHECK(adapted.placement().rank == std::vector<index_t>{0, 3, 0, 1});
  CHECK(&adapted.backend() == &b);
  Names v;
  adapted.visit_state(v);
  CHECK(v.names ==
        std::vector<std::string>{"blocks.0.down.A", "blocks.0.down.B", "blocks.1.down.A", "blocks.1.down.B"});
}

TEST_CASE("ranks that cannot be are errors", "[adapt][adapted]") {
  CHECK(error_at({1, 6, 1, 1}) == "no error");
  CHECK(error_at({1, 1, 7, 1}) == "attach: the rank at blocks.1.up is 7, expected 1 to min(d_in, d_out) = 6");
  CHECK(error_at({1, -1, 1, 1}) ==
        "attach: the rank at blocks.0.down is -1, expected 1 to min(d_in, d_out) = 6");
  CHECK(error_at({0, 0, 0, 0}) == "attach: the placement gives no site a rank; nothing would be adapted");
  CHECK(error_at({1, 1, 1}) == "attach: the placement has ranks for 3 sites, the model has 4");
  CHECK(error_at({1, 1, 1, 1, 1}) == "attach: the placement has ranks for 5 sites, the model has 4");
}

TEST_CASE("an adapter starts the same whatever else is attached, and otherwise with another seed",
          "[adapt][adapted]") {
  R b;
  const test::Toy<R> model(b);
  const auto start = [&](auto method, std::vector<index_t> rank, Seed seed) {
    Adapted<R, decltype(method)> adapted(b, model, method, Placement{std::move(rank)}, seed);
    return test::values(b, adapted);
  };
  const auto alone = start(Lora{}, {0, 0, 3, 0}, 4), among = start(Lora{}, {2, 1, 3, 5}, 4),
             other = start(Lora{}, {0, 0, 3, 0}, 5);
  CHECK(alone.at("blocks.1.up.A") == among.at("blocks.1.up.A"));
  CHECK(alone.at("blocks.1.up.A") != other.at("blocks.1.up.A"));
  const auto svd = start(SvdLora{}, {0, 0, 3, 0}, 4), svds = start(SvdLora{}, {2, 1, 3, 5}, 4);
  CHECK(svd.at("blocks.1.up.Q") == svds.at("blocks.1.up.Q"));
  CHECK(svd.at("blocks.1.up.P") == svds.at("blocks.1.up.P"));
}

TEST_CASE("attached adapters change nothing until they learn, nor when they are off", "[adapt][adapted]") {
  R b;
  const test::Toy<R> model(b);
  Bare bare;
  const auto s = test::sequences();
  const auto before = test::states(b, model, bare, s);
  const auto check = [&](auto method) {
    Adapted<R, decltype(method)> adapted(b, model, method, Placement{{2, 0, 3, 1}}, 4);
    CHECK(test::states(b, model, adapted, s) == before);
    test::stir(b, adapted);
    const auto learned = test::states(b, model, adapted, s);
    CHECK(test::relative_error(learned, before) > 1e-3);
    adapted.enable(false);
    CHECK(test::states(b, model, adapted, s) == before);
    adapted.enable(true);
    CHECK(test::states(b, model, adapted, s) == learned);
    CHECK(test::states(b, model, bare, s) == before);
  };
  check(Lora{});
  check(RsLora{});
  check(SvdLora{});
}

TEST_CASE("the gradients of adapters are those of central differences", "[adapt][adapted]") {
  R b;
  const test::Toy<R> model(b);
  const nn::Batch<R> batch(b, test::sequences());
  const auto error = [&](auto method) {
    Adapted<R, decltype(method)> adapted(b, model, method, Placement{{2, 0, 3, 1}}, 4);
    test::stir(b, adapted);
    adapted.phase(5);
    std::vector<Parameter<R>*> parameters;
    adapted.for_each_parameter([&](Parameter<R>& p, double) { parameters.push_back(&p); });
    return gradient_error(b, std::span<Parameter<R>* const>(parameters), [&](Tape<R>& tape) {
      return nn::NextToken{}.loss(tape, model, adapted, batch).sum;
    });
  };
  CHECK(error(Lora{.adapter = {.dropout = 0.2}}) < 1e-7);
  CHECK(error(SvdLora{}) < 1e-7);
}

TEST_CASE("dropout is on while a pass has a number", "[adapt][adapted][dropout]") {
  R b;
  const test::Toy<R> model(b);
  Adapted<R, Lora> adapted(b, model, {.adapter = {.dropout = 0.5}}, Placement{{2, 2, 2, 2}}, 4);
  test::stir(b, adapted);
  const auto s = test::sequences();
  const auto off = test::states(b, model, adapted, s);
  adapted.phase(0);
  const auto first = test::states(b, model, adapted, s);
  adapted.phase(1);
  const auto second = test::states(b, model, adapted, s);
  CHECK(first != off);
  CHECK(second != first);
  adapted.phase(0);
  CHECK(test::states(b, model, adapted, s) == first);
  adapted.phase(std::nullopt);
  CHECK(test::states(b, model, adapted, s) == off);
}

TEST_CASE("the penalty is its weight times the mean over all factors, and has their gradients",
          "[adapt][adapted][orthogonality]") {
  R b;
  const test::Toy<R> model(b);
  Adapted<R, SvdLora> adapted(b, model, {.adapter = {.shape = {.orthogonality = 0.3}}},
                              Placement{{2, 0, 3, 1}}, 4);
  test::stir(b, adapted);
  double want = 0;
  {
    Tape<R> tape(b, false);
    for (auto& slot : adapted.slots())
      want += orthogonality(tape.leaf(slot.state.factors.q), Along::rows).value().host<double>(b)[0] +
              orthogonality(tape.leaf(slot.state.factors.p), Along::cols).value().host<double>(b)[0];
    const auto penalty = adapted.penalty(tape);
    REQUIRE(penalty.has_value());
    CHECK(penalty->value().host<double>(b)[0] == Approx(0.3 / 6 * want).epsilon(1e-14));
  }
  std::vector<Parameter<R>*> parameters;
  adapted.for_each_parameter([&](Parameter<R>& p, double) { parameters.push_back(&p); });
  CHECK(gradient_error(b, std::span<Parameter<R>* const>(parameters),
                       [&](Tape<R>& tape) { return *adapted.penalty(tape); }) < 1e-8);
  CHECK(adapted.slots()[0].state.factors.lambda.grad.empty());  // lambda is not regularised
}

TEST_CASE("there is no penalty without a weight, or where nothing is orthogonal",
          "[adapt][adapted][orthogonality]") {
  R b;
  const test::Toy<R> model(b);
  Tape<R> tape(b);
  Adapted<R, SvdLora> weightless(b, model, {.adapter = {.shape = {.orthogonality = 0}}},
                                 Placement{{2, 0, 3, 1}}, 4);
  CHECK_FALSE(weightless.penalty(tape).has_value());
  Adapted<R, Lora> lora(b, model, {}, Placement{{2, 0, 3, 1}}, 4);
  CHECK_FALSE(lora.penalty(tape).has_value());
}

namespace {
/// A policy that is asked at every site and says nothing beforehand.
template <class A> struct Asked {
  A& adapted;
  template <Backend B> Var<B> visit(const SiteCall<B>& c) { return adapted.visit(c); }
};
/// Adds 1 to what its parent says.
struct Louder : Additive<> {
  template <Backend B> Var<B> visit(Additive<>::state<B>& st, const SiteCall<B>& c) const {
    B& b = c.x.backend();
    Tensor<B> one(b, c.x.rows(), c.y.cols());
    fill(b, one, arithmetic_t<typename B::scalar>(1));
    return add(Additive<>::visit(st, c), c.x.tape().constant(std::move(one)));
  }
};

template <class Block, class M> double apart(M method, bool speaks) {
  R b;
  const nn::Transformer<R, Block> model(b, test::tiny<Block>(), test::weights_of(3));
  Placement at{std::vector<index_t>(static_cast<std::size_t>(model.site_count()), 2)};
  at.rank[1] = 0;  // nothing stands there
  at.rank[2] = 5;
  Adapted<R, M> adapted(b, model, method, at, 4);
  test::stir(b, adapted);
  Tape<R> tape(b);
  bool said = false;
  model.for_each_site([&](const SiteInfo& s, const auto&) {
    const auto term = adapted.low_rank(tape, s);
    if (s.ordinal == 1) CHECK((term && term->rank() == 0));
    if (s.ordinal != 1) CHECK(term.has_value() == speaks);
    said = said || (term && term->rank() == 5);
  });
  CHECK(said == speaks);
  Asked<Adapted<R, M>> asked{adapted};
  const auto numbers = [&](auto& policy) {
    adapted.for_each_parameter([](Parameter<R>& p, double) { p.grad = {}; });
    std::vector<double> all = {test::backward(b, model, policy, test::sequences())};
    adapted.for_each_parameter([&](Parameter<R>& p, double rate) {
      if (rate == 0) return;
      const auto g = p.grad.host(b);
      all.insert(all.end(), g.begin(), g.end());
    });
    return all;
  };
  const auto together = numbers(adapted), by_visit = numbers(asked);
  return test::relative_error(together, by_visit);
}
}  // namespace

TEST_CASE("sites that are one operation say what they say when they are asked",
          "[adapt][adapted][low rank]") {
  using Llama = nn::LlamaBlock;
  CHECK(apart<Llama>(Lora{}, true) < 1e-13);
  CHECK(apart<test::GptBlock>(SvdLora{}, true) < 1e-13);
  CHECK(apart<nn::BertBlock>(LoraPlus{}, true) < 1e-13);
  CHECK(apart<Llama>(LoraFa{}, true) < 1e-13);
  CHECK(apart<Llama>(DoraLora{}, false) == 0);
  CHECK(apart<Llama>(PissaLora{}, false) == 0);
  CHECK(apart<Llama>(Method<Louder>{}, false) == 0);
}
