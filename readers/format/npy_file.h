// SPDX-License-Identifier: Apache-2.0
// Arrays in NumPy's .npy files, in and out.
//
//   \x93NUMPY  major minor  header length  {'descr': '<f4', 'fortran_order': False, 'shape': (..)}
//   values
//
// The format: "numpy.lib.format", versions 1.0, 2.0 and 3.0, which differ in the width of the
// header length and in the header's encoding.
#pragma once

#include <filesystem>
#include <string_view>

#include <ATen/core/Tensor.h>

#include "pipeline/result.h"

namespace larkspur::readers {

/// The array of a file as float32, CPU, contiguous (C order) whatever its own type and order.
/// Types: <f2 <f4 <f8, |i1 |u1 |b1, <i2 <u2 <i4 <u4 <i8. Values beyond float32 become infinite,
/// integers beyond 2^24 are rounded. Memory is at most 6 times the file's size.
/// Errors name the file: kCorruptData where bytes contradict the header (cut short, leftovers, a
/// size that no file holds), kUnsupported for other types, and those of reading a file.
pipeline::Result<at::Tensor> read_npy(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands for the file in messages.
pipeline::Result<at::Tensor> parse_npy(std::string_view bytes, std::string_view name);

/// The same, but double where float32 would round: of <f8, <i4, <u4 and <i8.
pipeline::Result<at::Tensor> parse_wide_npy(std::string_view bytes, std::string_view name);

/// Writes version 1.0, C order. float32, uint8 or int64, CPU, any strides; an existing file is
/// replaced. Throws kInvalidArgument for another type or device, kIo where the system refuses.
void write_npy(const std::filesystem::path& path, const at::Tensor& array);

}  // namespace larkspur::readers
