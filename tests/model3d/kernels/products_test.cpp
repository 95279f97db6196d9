// SPDX-License-Identifier: Apache-2.0
// Matrix products against the sums that their contract spells out: bit for bit where product and
// sum are fused, else within float64's reach.
#include "model3d/kernels/products.h"

#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace larkspur::model3d {
namespace {

struct Sizes {
  std::int64_t rows, terms, columns;
};

/// Full and partial vectors, panels and rows of registers of every instruction set.
std::vector<Sizes> odd_sizes() {
  std::vector<Sizes> list;
  for (const std::int64_t rows : {1, 3, 4, 6, 13, 29}) {
    for (const std::int64_t columns : {1, 4, 5, 15, 16, 17, 31, 32, 33, 80}) {
      list.push_back({rows, 1 + rows * columns % 41, columns});
    }
  }
  return list;
}

std::vector<float> drawn(std::int64_t count, std::uint32_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / static_cast<float>(1U << 23) - 1.0F;
  }
  return values;
}

std::size_t at(std::int64_t row, std::int64_t column, std::int64_t columns) {
  return static_cast<std::size_t>(row * columns + column);
}

/// sum over terms, ascending, of a(term) * b(term), on top of `start`.
template <typename A, typename B>
void expect_sum(
    InstructionSet set, float found, float start, std::int64_t terms, const A& a, const B& b) {
  float fused = start;
  double exact = start;
  double size = std::abs(start);
  for (std::int64_t i = 0; i < terms; ++i) {
    fused = std::fma(a(i), b(i), fused);
    exact += double{a(i)} * b(i);
    size += std::abs(double{a(i)} * b(i));
  }
  if (set == InstructionSet::kPortable) {
    ASSERT_NEAR(found, exact, 1e-6 * size);
  } else {
    ASSERT_EQ(found, fused);
  }
}

TEST(Products, AreSumsInAscendingOrder) {
  for (const InstructionSet set : instruction_sets()) {
    for (const auto& [rows, terms, columns] : odd_sizes()) {
      const std::vector<float> a = drawn(rows * terms, 1);
      const std::vector<float> b = drawn(terms * columns, 2);
      std::vector<float> c(static_cast<std::size_t>(rows * columns) + 1, NAN);
      PackedMatrix({b.data(), terms, columns}, Transposed::kNo, {FactorType::kFloat32, set})
          .multiply(c.data(), {a.data(), rows, terms});

      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t k = 0; k < columns; ++k) {
          SCOPED_TRACE(::testing::Message() << rows << "x" << terms << "x" << columns << ", row "
                                            << r << ", column " << k);
          ASSERT_NO_FATAL_FAILURE(expect_sum(
              set,
              c[at(r, k, columns)],
              0.0F,
              terms,
              [&](std::int64_t i) { return a[at(r, i, terms)]; },
              [&](std::int64_t i) { return b[at(i, k, columns)]; }));
        }
      }
      ASSERT_TRUE(std::isnan(c.back())) << "written beyond the end";
    }
  }
}

TEST(Products, OfATransposedMatrixHaveTheBitsOfItsTranspose) {
  for (const InstructionSet set : instruction_sets()) {
    for (const auto& [rows, terms, columns] : odd_sizes()) {
      const std::vector<float> a = drawn(rows * terms, 3);
      const std::vector<float> b = drawn(terms * columns, 4);
      std::vector<float> turned(b.size());
      for (std::int64_t i = 0; i < terms; ++i) {
        for (std::int64_t k = 0; k < columns; ++k) turned[at(k, i, terms)] = b[at(i, k, columns)];
      }
      std::vector<float> plain(static_cast<std::size_t>(rows * columns));
      std::vector<float> transposed(plain.size());
      PackedMatrix({b.data(), terms, columns}, Transposed::kNo, {FactorType::kFloat32, set})
          .multiply(plain.data(), {a.data(), rows, terms});
      PackedMatrix({turned.data(), columns, terms}, Transposed::kYes, {FactorType::kFloat32, set})
          .multiply(transposed.data(), {a.data(), rows, terms});

      ASSERT_EQ(plain, transposed) << rows << "x" << terms << "x" << columns;
    }
  }
}

TEST(Products, OfATransposedLeftSideAddToWhatIsThere) {
  for (const InstructionSet set : instruction_sets()) {
    for (const auto& [rows, terms, columns] : odd_sizes()) {
      const std::vector<float> a = drawn(terms * rows, 5);
      const std::vector<float> b = drawn(terms * columns, 6);
      const std::vector<float> before = drawn(rows * columns, 7);
      std::vector<float> c = before;
      c.push_back(NAN);
      add_transposed_product(c.data(),
                             {a.data(), terms, rows},
                             {b.data(), terms, columns},
                             {FactorType::kFloat32, set});

      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t k = 0; k < columns; ++k) {
          SCOPED_TRACE(::testing::Message() << rows << "x" << terms << "x" << columns << ", row "
                                            << r << ", column " << k);
          ASSERT_NO_FATAL_FAILURE(expect_sum(
              set,
              c[at(r, k, columns)],
              before[at(r, k, columns)],
              terms,
              [&](std::int64_t i) { return a[at(i, r, rows)]; },
              [&](std::int64_t i) { return b[at(i, k, columns)]; }));
        }
      }
      ASSERT_TRUE(std::isnan(c.back())) << "written beyond the end";
    }
  }
}

/// To the nearest bfloat16, halves to even, where the processor multiplies those.
float as_factor(float value) {
  if (!multiplies_bfloat16()) return value;
  auto bits = std::bit_cast<std::uint32_t>(value);
  bits += 0x7FFFU + ((bits >> 16) & 1U);
  return std::bit_cast<float>(bits & 0xFFFF0000U);
}

TEST(Products, OfBfloat16RoundTheirFactorsOnly) {
  constexpr ProductKind kRounded{FactorType::kBfloat16, InstructionSet::kPortable};
  for (const auto& [rows, terms, columns] : odd_sizes()) {
    SCOPED_TRACE(::testing::Message() << rows << "x" << terms << "x" << columns);
    const std::vector<float> a = drawn(rows * terms, 8);
    const std::vector<float> b = drawn(terms * columns, 9);
    const std::vector<float> start = drawn(columns, 10);
    const auto size = static_cast<std::size_t>(rows * columns);
    std::vector<float> turned_a(a.size());
    std::vector<float> turned_b(b.size());
    std::vector<float> expected(size);
    for (std::int64_t i = 0; i < terms; ++i) {
      for (std::int64_t r = 0; r < rows; ++r) turned_a[at(i, r, rows)] = a[at(r, i, terms)];
      for (std::int64_t k = 0; k < columns; ++k) turned_b[at(k, i, terms)] = b[at(i, k, columns)];
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t k = 0; k < columns; ++k) {
        double sum = start[static_cast<std::size_t>(k)];
        for (std::int64_t i = 0; i < terms; ++i) {
          sum += double{as_factor(a[at(r, i, terms)])} * as_factor(b[at(i, k, columns)]);
        }
        expected[at(r, k, columns)] = static_cast<float>(sum);
      }
    }
    std::vector<float> plain(size);
    std::vector<float> transposed(size);
    std::vector<float> added;
    for (std::int64_t r = 0; r < rows; ++r) added.insert(added.end(), start.begin(), start.end());

    PackedMatrix({b.data(), terms, columns}, Transposed::kNo, kRounded)
        .multiply(plain.data(), {a.data(), rows, terms}, start.data());
    PackedMatrix({turned_b.data(), columns, terms}, Transposed::kYes, kRounded)
        .multiply(transposed.data(), {a.data(), rows, terms}, start.data());
    add_transposed_product(
        added.data(), {turned_a.data(), terms, rows}, {b.data(), terms, columns}, kRounded);

    EXPECT_EQ(plain, transposed);
    for (std::size_t i = 0; i < size; ++i) {
      ASSERT_NEAR(plain[i], expected[i], 5e-6F);
      ASSERT_NEAR(added[i], expected[i], 5e-6F);
    }
  }
}

}  // namespace
}  // namespace larkspur::model3d
