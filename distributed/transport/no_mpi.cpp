// SPDX-License-Identifier: Apache-2.0
// Stands in for mpi_group.cpp in a build without MPI.
#include "distributed/transport/mpi_group.h"
#include "pipeline/error.h"

namespace larkspur::distributed {

std::unique_ptr<ProcessGroup> make_mpi_group(const GroupOptions& /*options*/) {
  throw pipeline::Error(
      pipeline::Errc::kUnsupported,
      "[mpi_group] this build has no MPI: install it and configure with -DLARKSPUR_WITH_MPI=ON");
}

}  // namespace larkspur::distributed
