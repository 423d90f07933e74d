// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/deform_locate.h"

#include "backends/cpu/kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/deform_locate.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
constexpr int kLanes = HWY_MAX_BYTES / static_cast<int>(sizeof(float));

void locate(DeformPlaces& places, std::int32_t height, std::int32_t width) {
  const D d;
  const DI di;
  const auto one = hn::Set(d, 1.F);
  const auto none = hn::Set(di, -1), unit = hn::Set(di, 1);
  const auto rows = hn::Set(di, height), columns = hn::Set(di, width);
  for (int i = 0; i < DeformPlaces::kCount; i += kLanes) {
    const auto y = hn::Load(d, places.y + i), x = hn::Load(d, places.x + i);
    const auto factor = hn::Load(d, places.factor + i);
    const auto inside = hn::And(hn::And(hn::Gt(y, hn::Neg(one)), hn::Gt(x, hn::Neg(one))),
                                hn::And(hn::Lt(y, hn::ConvertTo(d, rows)), hn::Lt(x, hn::ConvertTo(d, columns))));
    const auto floor_y = hn::Floor(y), floor_x = hn::Floor(x);
    const auto v = hn::Sub(y, floor_y), u = hn::Sub(x, floor_x);
    const auto above = hn::Sub(one, v), before = hn::Sub(one, u);
    const decltype(y) weights[4] = {hn::Mul(hn::Mul(above, before), factor), hn::Mul(hn::Mul(above, u), factor),
                                    hn::Mul(hn::Mul(v, before), factor), hn::Mul(hn::Mul(v, u), factor)};
    for (int c = 0; c < 4; ++c) hn::Store(hn::IfThenElseZero(inside, weights[c]), d, places.weight[c] + i);

    // Outside, any number will do.
    const auto top = hn::ConvertTo(di, hn::IfThenElseZero(inside, floor_y));
    const auto left = hn::ConvertTo(di, hn::IfThenElseZero(inside, floor_x));
    const auto bottom = hn::Add(top, unit), right = hn::Add(left, unit);
    const auto first = hn::Add(hn::Mul(top, columns), left);
    const auto in_image = hn::RebindMask(di, inside);
    const auto has_top = hn::And(in_image, hn::Gt(top, none)), has_bottom = hn::And(in_image, hn::Lt(bottom, rows));
    const auto has_left = hn::Gt(left, none), has_right = hn::Lt(right, columns);
    const auto store = [&](int corner, auto valid, auto pixel) {
      hn::Store(hn::IfThenElse(valid, pixel, none), di, places.pixel[corner] + i);
    };
    store(0, hn::And(has_top, has_left), first);
    store(1, hn::And(has_top, has_right), hn::Add(first, unit));
    store(2, hn::And(has_bottom, has_left), hn::Add(first, columns));
    store(3, hn::And(has_bottom, has_right), hn::Add(hn::Add(first, columns), unit));
  }
}

}  // namespace

DeformLocateFn deform_locate_fn_of_target() { return locate; }

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {

DeformLocateFn deform_locate_fn(int panel) { return INGOT_SIMD_SELECT(deform_locate_fn_of_target, panel)(); }

}  // namespace ingot::cpu
#endif
