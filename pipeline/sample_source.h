// SPDX-License-Identifier: Apache-2.0
// Where samples come from: the interface that readers implement and the loop draws from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

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

  /// Path as the list gives it, and label (kNoLabel: not known), of sample id in [0, size()). Never
  /// touches the file.
  virtual std::string name(std::int64_t id) const = 0;
  virtual std::int64_t label(std::int64_t id) const = 0;

  /// The name and whatever else a list says of what is read; for checksums of lists.
  virtual std::string identity(std::int64_t id) const { return name(id); }

  /// All labels of a sample that may show several classes; of others the one.
  virtual std::vector<std::int64_t> labels(std::int64_t id) const { return {label(id)}; }

  /// Views of one sample: the keys name the same one and differ in their view; a sample for each,
  /// in their order, all from one opening of its file. What is drawn at random depends on the key
  /// alone in training, on key and content of the file in evaluation. All samples of one source
  /// have the same inputs. Whatever the file is, it ends in a value: kNotFound, kCorruptData,
  /// kUnsupported (also where it needs more memory than there is), kIo. Throws kInvalidArgument
  /// only for keys of no sample or of several.
  Result<std::vector<Sample>> read_views(std::span<const SampleKey> keys) const;

  /// The same of one view.
  Result<Sample> read(const SampleKey& key) const;

 protected:
  SampleSource() = default;
  SampleSource(const SampleSource&) = default;
  SampleSource& operator=(const SampleSource&) = default;

 private:
  /// read_views() of at least one key of one sample in [0, size()). May throw what it likes.
  virtual Result<std::vector<Sample>> read_file(std::span<const SampleKey> keys) const = 0;
};

}  // namespace larkspur::pipeline
