// SPDX-License-Identifier: MIT
// Adapters of a method that is chosen at run time: one site policy and trainee over all of them, so that the
// model, fit and all around them are compiled once. A virtual call a site; the products behind it are what
// takes time.
#pragma once

#include "run.hpp"

#include <lorica/adapt/as_low_rank.hpp>
#include <lorica/io/adapter_file.hpp>
#include <lorica/io/peft/save.hpp>
#include <lorica/nn/models/any.hpp>

namespace lorica::cli {

template <Backend B> class AnyAdapted {
 public:
  using Companions = std::function<void(const Parameter<B>&, const Change<B>&)>;

  /// What every method can do.
  struct Interface {
    virtual ~Interface() = default;
    virtual Var<B> visit(const SiteCall<B>& c) = 0;
    virtual std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) = 0;
    virtual void for_each_parameter(const std::function<void(Parameter<B>&, double)>& f) = 0;
    virtual std::optional<MasterVar<B>> penalty(Tape<B>& tape) = 0;
    virtual void precondition() = 0;
    virtual void phase(std::optional<std::uint64_t> draw) = 0;
    virtual bool repeats() const = 0;
    virtual void begin(index_t steps) = 0;
    virtual void after_step(index_t step, const Companions& companions) = 0;
    virtual bool settled(index_t step) const = 0;
    virtual void visit_state(StateVisitor<B>& v) = 0;
    virtual index_t parameter_count() = 0;
    virtual std::size_t score_bytes() = 0;
    virtual std::vector<index_t> ranks() const = 0;
    virtual std::optional<adapt::Cut> last_cut() const = 0;
    virtual void save(const std::filesystem::path& file) = 0;
    /// `plain`: as LORA, whatever the parameterization.
    virtual void save_peft(const std::filesystem::path& folder, const io::peft::ModuleOf& module_of,
                           const nn::AnyModel<B>& model, const io::peft::SaveOptions& options,
                           bool plain) = 0;
  };
  template <class M>
  explicit AnyAdapted(adapt::Adapted<B, M> a) : held_(std::make_unique<Holder<M>>(std::move(a))) {}

  Var<B> visit(const SiteCall<B>& c) { return held_->visit(c); }
  std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) {
    return held_->low_rank(tape, site);
  }
  template <class F> void for_each_parameter(F f) { held_->for_each_parameter(f); }
  std::optional<MasterVar<B>> penalty(Tape<B>& tape) { return held_->penalty(tape); }
  void precondition() { held_->precondition(); }
  void phase(std::optional<std::uint64_t> draw) { held_->phase(draw); }
  [[nodiscard]] bool repeats() const { return held_->repeats(); }
  void begin(index_t steps) { held_->begin(steps); }
  template <class C> void after_step(index_t step, const C& companions) {
    held_->after_step(step, companions);
  }
  [[nodiscard]] bool settled(index_t step) const { return held_->settled(step); }
  void visit_state(StateVisitor<B>& v) { held_->visit_state(v); }
  std::size_t score_bytes() { return held_->score_bytes(); }
  Interface& operator*() const { return *held_; }
  Interface* operator->() const { return held_.get(); }

 private:
  template <class M> struct Holder final : Interface {
    using A = adapt::Adapted<B, M>;
    A adapted;
    explicit Holder(A a) : adapted(std::move(a)) {}

    Var<B> visit(const SiteCall<B>& c) override { return adapted.visit(c); }
    std::optional<LowRankTerm<B>> low_rank(Tape<B>& tape, const SiteInfo& site) override {
      return adapted.low_rank(tape, site);
    }
    void for_each_parameter(const std::function<void(Parameter<B>&, double)>& f) override {
      adapted.for_each_parameter(f);
    }
    std::optional<MasterVar<B>> penalty(Tape<B>& tape) override { return adapted.penalty(tape); }
    void precondition() override {
      if constexpr (A::preconditioned) adapted.precondition();
    }
    void phase(std::optional<std::uint64_t> draw) override { adapted.phase(draw); }
    bool repeats() const override { return adapted.repeats(); }
    void begin(index_t steps) override {
      if constexpr (A::moves) adapted.begin(steps);
    }
    void after_step(index_t step, const Companions& companions) override {
      if constexpr (A::moves) adapted.after_step(step, companions);
    }
    bool settled(index_t step) const override {
      if constexpr (A::moves) return adapted.settled(step);
      return true;
    }
    void visit_state(StateVisitor<B>& v) override { adapted.visit_state(v); }
    index_t parameter_count() override { return adapted.parameter_count(); }
    std::size_t score_bytes() override { return adapted.score_bytes(); }
    std::vector<index_t> ranks() const override { return adapted.ranks(); }
    std::optional<adapt::Cut> last_cut() const override {
      if constexpr (A::moves)
        if (adapted.allocator()) return adapted.allocator()->last();
      return {};
    }
    void save(const std::filesystem::path& file) override { io::save(adapted, file); }
    void save_peft(const std::filesystem::path& folder, const io::peft::ModuleOf& module_of,
                   const nn::AnyModel<B>& model, const io::peft::SaveOptions& options, bool plain) override {
      if (plain)
        io::peft::save_as_lora(adapted, model, folder, module_of, options);
      else
        io::peft::save(adapted, model, folder, module_of, options);
    }
  };
  std::unique_ptr<Interface> held_;
};

}  // namespace lorica::cli
