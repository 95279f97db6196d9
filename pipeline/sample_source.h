// SPDX-License-Identifier: Apache-2.0
// Where samples come from: the interface that readers implement and the loop draws from.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/result.h"
#include "pipeline/rng.h"
#include "pipeline/sample.h"

namespace larkspur::pipeline {

/// A fixed list of labelled samples. Const and callable from many threads at once.
class SampleSource {
 public:
  virtual ~SampleSource() = default;

  /// Number of samples in the list, readable or not; > 0.
  virtual std::int64_t size() const = 0;

  /// Path as the list gives it, and label, of sample id in [0, size()). Never touches the file.
  virtual std::string name(std::int64_t id) const = 0;
  virtual std::int64_t label(std::int64_t id) const = 0;

  /// Reads sample `key.sample`; what is drawn at random depends on the key alone.
  /// A file that cannot be used is a value (kNotFound, kCorruptData, kUnsupported, kIo), never an
  /// exception. All samples of one source have the same input shape.
  virtual Result<Sample> read(const SampleKey& key) const = 0;

 protected:
  SampleSource() = default;
  SampleSource(const SampleSource&) = default;
  SampleSource& operator=(const SampleSource&) = default;
};

}  // namespace larkspur::pipeline
