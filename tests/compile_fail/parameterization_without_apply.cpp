// expect: lorica: Method: the adapter's parameterization must model adapt::Parameterization
#include <lorica/adapt/attach.hpp>
#include <lorica/cpu/eigen_backend.hpp>

using B = lorica::cpu::EigenBackend<float>;

// Factors that are made, and never used.
struct Forgetful {
  struct config {};
  template <lorica::Backend D> struct factors { lorica::Parameter<D> d; };
  template <lorica::Backend D>
  static factors<D> make(D&, const lorica::SiteInfo&, const config&, lorica::index_t, lorica::Seed) {
    return {};
  }
  template <lorica::Backend D, class F> static void for_each(factors<D>& f, F visit) {
    visit(lorica::adapt::Factor<D>{&f.d, lorica::adapt::Along::rows});
  }
  template <lorica::Backend D> static lorica::adapt::Factor<D> silencer(factors<D>& f) {
    return {&f.d, lorica::adapt::Along::rows};
  }
};

template class lorica::adapt::Adapted<B, lorica::adapt::Method<lorica::adapt::Additive<Forgetful>>>;
