// SPDX-License-Identifier: Apache-2.0
// Times the exchange of gradients and weights between ranks, one lane each, nothing else to do.
//
//   mpirun -n 2 exchange_bench MEGABYTES [SECONDS [one_level]]
//
// one_level: ranks of several hosts exchange as if each were alone on its own.
// Sums are looked at before any time is printed. Rank 0 prints: ms median, lowest and highest of
// what all ranks have behind them together.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include <ATen/ops/zeros.h>

#include "distributed/transport/group_registry.h"
#include "distributed/transport/rank_env.h"
#include "distributed/tree_exchange.h"
#include "launch/config/run_config.h"
#include "launch/run/kept_memory.h"
#include "pipeline/lanes.h"
#include "pipeline/state/flat_parameters.h"

namespace {

using larkspur::distributed::make_process_group;
using larkspur::distributed::ProcessGroup;
using larkspur::distributed::TreeExchange;
using larkspur::pipeline::FlatParameters;
using Clock = std::chrono::steady_clock;

const std::int64_t kBucketElements = larkspur::launch::TrainConfig().bucket_elements;

/// Of at most 1 MiB each, as a network's are.
std::vector<larkspur::pipeline::Parameter> parameters_of(std::int64_t megabytes) {
  std::vector<larkspur::pipeline::Parameter> made;
  for (std::int64_t left = megabytes * 250'000; left > 0; left -= 262'144) {
    const at::Tensor values = at::zeros({std::min<std::int64_t>(left, 262'144)});
    made.push_back({"p" + std::to_string(made.size()), values.set_requires_grad(true)});
  }
  return made;
}

/// What a step exchanges, from the lane's gradients to everybody's values.
at::Tensor exchange_once(ProcessGroup& group, FlatParameters& flat, TreeExchange& exchange) {
  const int buckets = flat.layout().bucket_count();
  for (int bucket = 0; bucket < buckets; ++bucket) exchange.lane_done(group.rank(), bucket);
  at::Tensor owned = exchange.reduce();
  exchange.gather();
  for (int bucket = 0; bucket < buckets; ++bucket) exchange.wait(bucket);
  return owned;
}

/// The lane of rank r holds r + 1 everywhere.
bool adds_right(ProcessGroup& group, FlatParameters& flat, TreeExchange& exchange) {
  flat.gradients().fill_(group.rank() + 1);
  const at::Tensor sum = exchange_once(group, flat, exchange);
  const float expected = static_cast<float>(group.size() * (group.size() + 1)) / 2;
  return sum.numel() == 0 ||
         (sum.min().item<float>() == expected && sum.max().item<float>() == expected);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: mpirun -n N exchange_bench MEGABYTES [SECONDS [one_level]]\n");
    return 2;
  }
  larkspur::launch::ask_for_huge_pages();  // as the program does
  const double least = argc > 2 ? std::atof(argv[2]) : 3.0;
  larkspur::distributed::GroupOptions options;
  if (argc > 3 && std::string(argv[3]) == "one_level") {
    options.hosts.assign(static_cast<std::size_t>(larkspur::distributed::read_rank_env().size), 0);
  }
  const auto group = make_process_group(options);
  FlatParameters flat(parameters_of(std::atoll(argv[1])), kBucketElements);
  const auto lanes = larkspur::pipeline::lanes_of_rank(group->rank(), group->size(), group->size());
  TreeExchange exchange(*group, flat, lanes);
  if (!adds_right(*group, flat, exchange)) {
    std::fprintf(stderr, "exchange_bench: the sums are wrong\n");
    return 1;
  }

  std::vector<double> times;
  char goes_on = 1;
  for (const auto start = Clock::now(); goes_on != 0;) {
    group->barrier().wait();
    const auto begin = Clock::now();
    exchange_once(*group, flat, exchange);
    group->barrier().wait();
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    const double since = std::chrono::duration<double>(Clock::now() - start).count();
    goes_on = since < least || times.size() < 5 ? 1 : 0;
    group->broadcast(std::as_writable_bytes(std::span(&goes_on, 1)), 0).wait();
  }
  std::sort(times.begin(), times.end());
  if (group->rank() == 0) {
    std::printf("%.3f ms median, %.3f to %.3f of %zu\n",
                times[times.size() / 2] * 1e3,
                times.front() * 1e3,
                times.back() * 1e3,
                times.size());
  }
}
