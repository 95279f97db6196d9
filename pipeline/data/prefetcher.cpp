// SPDX-License-Identifier: Apache-2.0
#include "pipeline/data/prefetcher.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "pipeline/placement.h"
#include "pipeline/require.h"

namespace larkspur::pipeline {
namespace {

constexpr int kReadAttempts = 3;

std::vector<SampleKey> keys_of(const SampleRequest& wanted) {
  std::vector<SampleKey> keys(static_cast<std::size_t>(wanted.views), wanted.key);
  for (std::size_t view = 1; view < keys.size(); ++view) {
    keys[view].view = static_cast<std::uint16_t>(wanted.key.view + view);
  }
  return keys;
}

Result<std::vector<Sample>> read_patiently(const SampleSource& source,
                                           const std::vector<SampleKey>& keys) {
  auto pause = std::chrono::milliseconds(20);
  for (int attempt = 1;; ++attempt, pause *= 4) {
    Result<std::vector<Sample>> views = source.read_views(keys);
    if (views.ok() || views.error().code() != Errc::kIo || attempt == kReadAttempts) return views;
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace

Prefetcher::Prefetcher(const SampleSource& source,
                       BatchRequest request,
                       const PrefetchOptions& options)
    : source_(source),
      request_(std::move(request)),
      options_(options),
      next_taken_(options.first),
      next_given_(options.first) {
  require(options.workers >= 1 && options.ahead >= 1,
          Errc::kInvalidArgument,
          "[prefetcher] ",
          options.workers,
          " workers, ",
          options.ahead,
          " ahead: both must be >= 1");
  try {
    for (int i = 0; i < options.workers; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error& error) {
    const std::size_t started = threads_.size();
    stop();
    throw Error(Errc::kInvalidArgument,
                text_of("data.workers: only ",
                        started,
                        " of ",
                        options.workers,
                        " loader threads can be started: ",
                        error.code().message(),
                        "; lower it, or raise the limit"));
  }
}

Prefetcher::~Prefetcher() { stop(); }

void Prefetcher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Batch Prefetcher::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  require(next_given_ < options_.end, Errc::kInvalidArgument, "[prefetcher] asked past the end");
  changed_.wait(lock, [this] { return failure_ || ready_.count(next_given_) > 0; });
  if (failure_) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.extract(next_given_).mapped());
  ++next_given_;
  lock.unlock();
  changed_.notify_all();
  waited_seconds_ +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return batch;
}

void Prefetcher::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] {
      return stopping_ || next_taken_ >= options_.end || next_taken_ < next_given_ + options_.ahead;
    });
    if (stopping_ || next_taken_ >= options_.end) return;
    const std::int64_t k = next_taken_++;
    lock.unlock();
    std::exception_ptr failure;
    Batch batch;
    try {
      batch = read_batch(k);
    } catch (const std::exception&) {  // handed to the thread that asks next
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      failure_ = failure;
      stopping_ = true;
    } else {
      ready_.emplace(k, std::move(batch));
    }
    changed_.notify_all();
  }
}

Batch Prefetcher::read_batch(std::int64_t k) const {
  std::vector<Sample> samples;
  std::vector<SampleKey> keys;
  std::vector<BadSample> bad;
  std::int64_t views_each = 1;
  for (const SampleRequest& wanted : request_(k)) {
    const std::vector<SampleKey> wanted_keys = keys_of(wanted);
    views_each = wanted.views;
    Result<std::vector<Sample>> views = read_patiently(source_, wanted_keys);
    if (views.ok()) {
      for (Sample& view : std::move(views).value()) samples.push_back(std::move(view));
      keys.insert(keys.end(), wanted_keys.begin(), wanted_keys.end());
    } else {
      const std::int64_t id = wanted.key.sample;
      bad.push_back(
          {wanted.position, id, source_.name(id), views.error().code(), views.error().what()});
    }
  }
  Batch batch = collate(samples, std::move(keys), std::move(bad), views_each);
  mix_lane(options_.mix, batch);
  return options_.pinned ? packed(batch, /*pinned=*/true) : batch;
}

}  // namespace larkspur::pipeline
