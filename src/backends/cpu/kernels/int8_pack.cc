// SPDX-License-Identifier: Apache-2.0
#include "backends/cpu/kernels/int8_pack.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/kernels/simd_targets.h"
#include "backends/cpu/kernels/task_split.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/kernels/int8_pack.cc"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace ingot::cpu {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// kUnit rows of kColumns columns each, `flip` toggled, into units side by side.
template <int kUnit, int kColumns>
HWY_INLINE void interleave(const std::uint8_t* const* rows, std::uint8_t flip, std::uint8_t* to) {
  const hn::FixedTag<std::uint8_t, kColumns> d;
  const auto toggled = hn::Set(d, flip);
  const auto row = [&](int i) HWY_ATTR { return hn::Xor(hn::LoadU(d, rows[i]), toggled); };
  if constexpr (kUnit == 4) {
    hn::StoreInterleaved4(row(0), row(1), row(2), row(3), d, to);
  } else {
    hn::StoreInterleaved2(row(0), row(1), d, to);
  }
}

// A panel of whole units; `columns` of it exist.
template <int kUnit, int kColumns>
void pack_columns(const std::uint8_t* b, std::int64_t ldb, std::int64_t k, std::int64_t columns, std::uint8_t flip,
                  std::int64_t panel, std::uint8_t* to) {
  // What is absent is stored as 0.
  alignas(16) std::uint8_t edge[kUnit][kColumns];
  for (std::int64_t row = 0; row < k; row += kUnit)
    for (std::int64_t col = 0; col < panel; col += kColumns, to += kUnit * kColumns) {
      const std::uint8_t* rows[kUnit];
      const bool inside = row + kUnit <= k && col + kColumns <= columns;
      for (int i = 0; i < kUnit; ++i) {
        rows[i] = b + (row + i) * ldb + col;
        if (inside) continue;
        std::memset(edge[i], flip, kColumns);
        if (row + i < k && col < columns)
          std::memcpy(edge[i], rows[i], static_cast<std::size_t>(std::min<std::int64_t>(kColumns, columns - col)));
        rows[i] = edge[i];
      }
      interleave<kUnit, kColumns>(rows, flip, to);
    }
}

}  // namespace

void pack_panel(const std::uint8_t* b, std::int64_t ldb, std::int64_t k, std::int64_t columns, std::uint8_t flip,
                int unit, std::int64_t panel, std::uint8_t* to) {
  if (panel % 16 != 0) {
    (unit == 4 ? pack_columns<4, 8> : pack_columns<2, 8>)(b, ldb, k, columns, flip, panel, to);
  } else {
    (unit == 4 ? pack_columns<4, 16> : pack_columns<2, 16>)(b, ldb, k, columns, flip, panel, to);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace ingot::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "backends/cpu/kernels/isa.h"
#include "backends/cpu/kernels/simd_select.h"

namespace ingot::cpu {
namespace {

std::int64_t padded_bytes(std::int64_t k) { return round_up(k + 4, kAlignment); }

}  // namespace

std::size_t int8_pack_scratch_bytes(std::int64_t k, const Int8Kernels& kernels) {
  return static_cast<std::size_t>(padded_bytes(k) * (kernels.widens ? 3 : 1));
}

void int8_pack(const Int8PackArgs& args, const Int8Kernels& kernels, std::byte* scratch, Parallel& parallel) {
  const auto pack = INGOT_SIMD_SELECT(pack_panel, best_panel());
  const std::int64_t panel = kernels.panel;
  const std::int64_t panel_bytes = round_up(args.k, kernels.unit) * panel;
  // A row of ones by a panel is the sums of its columns.
  auto* ones = reinterpret_cast<std::uint8_t*>(scratch);
  const void* row = ones;
  if (args.sums != nullptr) {
    std::memset(ones, 0, static_cast<std::size_t>(padded_bytes(args.k)));
    std::memset(ones, 1, static_cast<std::size_t>(args.k));
    if (kernels.widens) {
      auto* wide = reinterpret_cast<std::int16_t*>(scratch + padded_bytes(args.k));
      kernels.widen(ones, args.k, false, wide);
      row = wide;
    }
  }
  const TaskSplit split(ceil_div(args.n, panel), args.k * args.n / 4, parallel.threads());
  parallel.run(split.tasks(), [&](std::int64_t task, int) {
    for (std::int64_t i = split.begin(task); i < split.end(task); ++i) {
      const std::int64_t col = i * panel;
      std::int8_t* const to = args.packed + i * panel_bytes;
      pack(args.b + col, args.n, args.k, std::min(panel, args.n - col), args.is_signed ? 0 : 0x80, kernels.unit, panel,
           reinterpret_cast<std::uint8_t*>(to));
      if (args.sums == nullptr) continue;
      Int8Tile tile;
      tile.a = &row;
      tile.k = args.k;
      tile.b = to;
      tile.sums = args.sums + col;
      tile.rows = 1;
      kernels.tile(tile);
    }
  });
}

}  // namespace ingot::cpu
#endif
