// SPDX-License-Identifier: Apache-2.0
// Reads the golden files and compares tensors with their records.
#pragma once

#include <string>

#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

namespace larkspur::testing {

/// tests/data/golden/<file>, found through the environment's LARKSPUR_SOURCE. Throws when absent.
nlohmann::json read_golden(const std::string& file);

/// The record of that name in an array of records. Throws when there is none.
const nlohmann::json& record_named(const nlohmann::json& records, const std::string& name);

/// Expects the record's shape, values at its indices within its tolerance, norm within 1e-5 of
/// itself, and mean where it has one. The shape is compared without axes of one.
void expect_record(const nlohmann::json& record, const at::Tensor& actual);

/// Expects logits [N,classes] as a case's "logits" object has them, within `tolerance`; the class
/// of the largest only where it leads by ten tolerances.
void expect_logits(const nlohmann::json& logits, const at::Tensor& actual, double tolerance);

}  // namespace larkspur::testing
