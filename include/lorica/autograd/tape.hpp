// SPDX-License-Identifier: MIT
/// @file lorica/autograd/tape.hpp
/// A Wengert list of tensor-level operations. Four rules hold for every operation:
/// a value is kept for the backward pass only where a pullback captured its Var, and freed as soon as that
/// pullback ran; what is cheap to compute again is captured as saved() and is then rebuilt instead of kept;
/// a value without a gradient slot (frozen, or made of frozen values alone) records nothing;
/// pullbacks add into gradients, and the first to arrive writes instead, so that nothing is cleared first.
#pragma once

#include <lorica/autograd/parameter.hpp>
#include <lorica/core/functor.hpp>

#include <functional>
#include <memory>

namespace lorica {

/// Bytes of values alive on a tape: what is counted when the forward pass ends is what was saved for the
/// backward pass.
struct Account {
  std::size_t live = 0;
  std::size_t peak = 0;
  void add(std::size_t bytes) noexcept {
    live += bytes;
    if (live > peak) peak = live;
  }
};

namespace detail {

/// A value on a tape: its own, somebody else's that outlives the tape, or a way to compute it when it is
/// asked for. `saved` is such a way, beside a value that is there.
template <Backend B, class T> struct Value {
  using Recipe = std::function<Tensor<B, T>()>;

  mutable Tensor<B, T> own;
  const Tensor<B, T>* borrowed = nullptr;
  std::shared_ptr<Account> account = {};
  Recipe recipe = {};
  std::shared_ptr<Value> saved = {};

  Value(Tensor<B, T> t, std::shared_ptr<Account> a) : own(std::move(t)), account(std::move(a)) {
    account->add(own.bytes());
  }
  explicit Value(const Tensor<B, T>* t) : borrowed(t) {}
  Value(Recipe r, std::shared_ptr<Account> a) : account(std::move(a)), recipe(std::move(r)) {}
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() {
    if (account) account->live -= own.bytes();
  }
  [[nodiscard]] const Tensor<B, T>& get() const {
    if (recipe && own.empty()) {
      own = recipe();
      account->add(own.bytes());
    }
    return borrowed != nullptr ? *borrowed : own;
  }
};

/// Where the gradient of a value gathers. Gradients are shared between values as long as nobody adds to them.
template <Backend B, class T> struct Slot {
  Shape shape;
  Tensor<B, T>* sink = nullptr;  // a parameter's own gradient
  std::shared_ptr<Tensor<B, T>> grad = {};

  Slot(Shape s, Tensor<B, T>* p) : shape(s), sink(p) {}
};

}  // namespace detail

/// The memory a pullback writes a gradient to: add to what is there unless `fresh`. beta() suits gemm.
template <Backend B, class T> struct Into {
  Tensor<B, T>* tensor;
  bool fresh;
  [[nodiscard]] MatrixRef<T> ref() const { return tensor->ref(); }
  [[nodiscard]] T* data() const { return tensor->data(); }
  [[nodiscard]] typename B::master beta() const { return fresh ? 0 : 1; }
};

/// A handle to one value on a tape, and to its gradient if it has one. Cheap to copy. T is the backend's
/// scalar (activations) or its master (parameters, the residual stream, losses).
template <Backend B, class T> class Var {
 public:
  using backend_type = B;
  using element = T;

  Var() = default;
  Var(Tape<B>* tape, std::shared_ptr<detail::Value<B, T>> v, std::shared_ptr<detail::Slot<B, T>> s)
      : tape_(tape), value_(std::move(v)), slot_(std::move(s)) {}

  [[nodiscard]] Tape<B>& tape() const noexcept { return *tape_; }
  [[nodiscard]] B& backend() const noexcept { return tape_->backend(); }
  [[nodiscard]] const Tensor<B, T>& value() const { return value_->get(); }
  [[nodiscard]] index_t rows() const { return value().rows(); }
  [[nodiscard]] index_t cols() const { return value().cols(); }
  [[nodiscard]] Shape shape() const { return value().shape(); }
  [[nodiscard]] bool needs_grad() const noexcept { return slot_ != nullptr; }
  /// The gradient alone, without the value: what a pullback captures of an input it need not read.
  [[nodiscard]] Var gradient_only() const { return Var(tape_, nullptr, slot_); }

  /// What a pullback captures of a value that it reads: the value itself, or, where the operation that made
  /// it said how, a handle that computes it again when it is first read. All such handles share what they
  /// computed.
  [[nodiscard]] Var saved() const { return value_->saved ? Var(tape_, value_->saved, slot_) : *this; }

  /// The value's memory, if this handle is the last to see it and may overwrite it; else null. Saves a pass
  /// over memory where a sum is the only reader of its input.
  [[nodiscard]] Tensor<B, T>* reusable() {
    return value_ && value_.use_count() == 1 && value_->borrowed == nullptr ? &value_->own : nullptr;
  }
  /// Takes the value out of the last handle; see reusable().
  [[nodiscard]] Tensor<B, T> release() {
    Tensor<B, T> out = std::move(value_->own);
    value_->account->live -= out.bytes();
    value_->account = nullptr;
    value_ = nullptr;
    return out;
  }

  /// Where to add dL/dx. Call only if needs_grad().
  [[nodiscard]] Into<B, T> into() const {
    B& b = tape_->backend();
    auto& s = *slot_;
    if (s.sink != nullptr) {
      const bool fresh = s.sink->empty();
      if (fresh) *s.sink = Tensor<B, T>(b, s.shape.rows, s.shape.cols);
      return {s.sink, fresh};
    }
    if (!s.grad) {
      s.grad = std::make_shared<Tensor<B, T>>(b, s.shape.rows, s.shape.cols);
      return {s.grad.get(), true};
    }
    if (s.grad.use_count() > 1) s.grad = std::make_shared<Tensor<B, T>>(s.grad->clone(b));
    return {s.grad.get(), false};
  }
  /// Adds a whole gradient; shares its memory if it is the first.
  void add_gradient(const std::shared_ptr<Tensor<B, T>>& g) const {
    if (slot_->sink == nullptr && !slot_->grad) {
      slot_->grad = g;
      return;
    }
    add_gradient(fn::Copy{}, *g);
  }
  /// Adds f(x, ...), element by element.
  template <class F, class... X> void add_gradient(F f, const X&... x) const {
    const auto to = into();
    B& b = tape_->backend();
    if (to.fresh)
      b.map(to.tensor->size(), f, to.data(), x.data()...);
    else
      b.map(to.tensor->size(), fn::Plus<F>{f}, to.data(), std::as_const(*to.tensor).data(), x.data()...);
  }
  [[nodiscard]] const std::shared_ptr<detail::Slot<B, T>>& slot() const noexcept { return slot_; }

 private:
  Tape<B>* tape_ = nullptr;
  std::shared_ptr<detail::Value<B, T>> value_;
  std::shared_ptr<detail::Slot<B, T>> slot_;
};

/// What is kept for the backward pass of a block of a model that asks its tape: all that its operations keep,
/// or what enters it alone, from which it is computed again (autograd/recomputed.hpp).
enum class Blocks { kept, recomputed };

template <Backend B> class Tape {
 public:
  using scalar = typename B::scalar;
  using master = typename B::master;

  /// A tape that does not record (`recording` false) computes values and keeps nothing: evaluation,
  /// generation.
  explicit Tape(B& backend, bool recording = true) : backend_(&backend), recording_(recording) {}
  Tape(B& backend, Blocks blocks) : backend_(&backend), blocks_(blocks) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  [[nodiscard]] B& backend() const noexcept { return *backend_; }
  [[nodiscard]] bool recording() const noexcept { return recording_; }
  [[nodiscard]] Blocks blocks() const noexcept { return blocks_; }

  /// While one lives, values know whether they need a gradient, and no pullback is kept: what is computed now
  /// will be computed again.
  class Pause {
   public:
    explicit Pause(Tape& tape) : tape_(&tape) { ++tape.pauses_; }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;
    ~Pause() { --tape_->pauses_; }

   private:
    Tape* tape_;
  };
  [[nodiscard]] bool paused() const noexcept { return pauses_ > 0; }

  /// Borrows `t`, which must outlive the tape; it receives no gradient.
  template <class T> [[nodiscard]] Var<B, T> constant(const Tensor<B, T>& t) {
    return {this, std::make_shared<detail::Value<B, T>>(&t), nullptr};
  }
  /// Owns `t`; it receives no gradient.
  template <class T> [[nodiscard]] Var<B, T> constant(Tensor<B, T>&& t) {
    return {this, std::make_shared<detail::Value<B, T>>(std::move(t), account_), nullptr};
  }
  /// Borrows `p`; backward() adds into p.grad.
  [[nodiscard]] MasterVar<B> leaf(const Parameter<B>& p) {
    return {this, std::make_shared<detail::Value<B, master>>(&p.value),
            recording_ ? std::make_shared<detail::Slot<B, master>>(p.shape(), &p.grad) : nullptr};
  }

  /// Owns `value`. pull(dy) is called once in the backward pass with a shared_ptr to dL/dvalue; it is dropped
  /// at once, and all it captured with it, unless `needs_grad`.
  template <class T, class Pull>
  [[nodiscard]] Var<B, T> record(Tensor<B, T> value, bool needs_grad, Pull pull) {
    if (!needs_grad || !recording_) return constant(std::move(value));
    if (paused()) {
      const Shape shape = value.shape();
      return {this, std::make_shared<detail::Value<B, T>>(std::move(value), account_),
              std::make_shared<detail::Slot<B, T>>(shape, nullptr)};
    }
    return remember(std::move(value), Pullback<T>(std::move(pull)));
  }
  /// The same; recipe() computes the value again, bit for bit, for those who save it. It keeps what it
  /// captured.
  template <class T, class Pull, class Recipe>
  [[nodiscard]] Var<B, T> record(Tensor<B, T> value, bool needs_grad, Pull pull, Recipe recipe) {
    if (!needs_grad || !recording_ || paused()) return record(std::move(value), needs_grad, std::move(pull));
    return remember(std::move(value), Pullback<T>(std::move(pull)),
                    std::make_shared<detail::Value<B, T>>(
                        typename detail::Value<B, T>::Recipe(std::move(recipe)), account_));
  }
  /// Owns `value`, whose gradient is x's own: for sums with a constant, which have no step of their own.
  template <class T> [[nodiscard]] Var<B, T> passed_on(Tensor<B, T> value, const Var<B, T>& x) {
    return {this, std::make_shared<detail::Value<B, T>>(std::move(value), account_), x.slot()};
  }
  /// A statistic a pullback needs, counted with the values.
  template <class T> [[nodiscard]] std::shared_ptr<detail::Value<B, T>> keep(Tensor<B, T> t) {
    return std::make_shared<detail::Value<B, T>>(std::move(t), account_);
  }

  /// Gradients of `seed` times the loss [1, 1], into every parameter that it depends on. Runs once. A
  /// pullback may record: what it records runs next.
  void backward(const MasterVar<B>& loss, double seed = 1.0) {
    expects_shape("backward", "the loss", loss.shape(), {1, 1});
    saved_ = account_->live;
    if (loss.needs_grad()) {
      auto of_loss = std::make_shared<MasterTensor<B>>(*backend_, 1, 1);
      fill(*backend_, *of_loss, static_cast<master>(seed));
      loss.add_gradient(std::move(of_loss));
      while (!pullbacks_.empty()) {
        const auto pull = std::move(pullbacks_.back());
        pullbacks_.pop_back();
        pull();
      }
    }
  }

  /// Bytes of activations and statistics that were alive when the backward pass began, and the most at any
  /// time.
  [[nodiscard]] std::size_t saved_bytes() const noexcept { return saved_; }
  [[nodiscard]] const Account& account() const noexcept { return *account_; }
  [[nodiscard]] std::size_t size() const noexcept { return pullbacks_.size(); }

 private:
  template <class T> using Pullback = std::function<void(const std::shared_ptr<Tensor<B, T>>&)>;

  /// What does not depend on the operation: compiled once for all of them.
  template <class T>
  Var<B, T> remember(Tensor<B, T> value, Pullback<T> pull,
                     std::shared_ptr<detail::Value<B, T>> saved = nullptr) {
    auto v = std::make_shared<detail::Value<B, T>>(std::move(value), account_);
    v->saved = std::move(saved);
    auto slot = std::make_shared<detail::Slot<B, T>>(v->own.shape(), nullptr);
    pullbacks_.push_back([slot, pull = std::move(pull)] {
      if (!slot->grad) return;
      const auto dy = std::move(slot->grad);
      slot->grad = nullptr;
      pull(dy);
    });
    return {this, std::move(v), std::move(slot)};
  }

  B* backend_;
  bool recording_ = true;
  Blocks blocks_ = Blocks::kept;
  int pauses_ = 0;
  std::size_t saved_ = 0;
  std::shared_ptr<Account> account_ = std::make_shared<Account>();
  std::vector<std::function<void()>> pullbacks_;
};

/// A value as an operand: a tensor that never changes is a constant, a parameter a leaf, a Var itself.
template <Backend B, class T> Var<B, T> operand(Tape<B>& t, const Tensor<B, T>& w) { return t.constant(w); }
template <Backend B> MasterVar<B> operand(Tape<B>& t, const Parameter<B>& w) { return t.leaf(w); }

}  // namespace lorica
