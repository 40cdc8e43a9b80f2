// expect: lorica: Method<Adapter, ScoreFunction, PlacementPolicy>: the placement asks for a score
#include <lorica/adapt/method.hpp>

using namespace lorica::adapt;

const Method<Additive<>, NoScore, Dominant> unfounded{};
