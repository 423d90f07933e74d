// SPDX-License-Identifier: Apache-2.0
// What blocks of a cluster do together: they meet, and read each other's shared memory.
// The address of shared memory `at`, of this block, in another one.
INGOT_INLINE unsigned in_cluster(unsigned at, unsigned rank) {
  unsigned r;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(r) : "r"(at), "r"(rank));
  return r;
}
INGOT_INLINE unsigned cluster_column() {
  unsigned r;
  asm volatile("mov.u32 %0, %%cluster_ctaid.x;" : "=r"(r));
  return r;
}
// Orders nothing by itself: a release would wait for every access to global memory as well, for half a microsecond.
INGOT_INLINE void cluster_arrive() { asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory"); }
INGOT_INLINE void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
// Ahead of an arrival: what this thread has stored in shared memory is seen by the blocks that wait for it.
INGOT_INLINE void publish_shared() {
#if __CUDACC_VER_MAJOR__ * 100 + __CUDACC_VER_MINOR__ >= 1208
  asm volatile("fence.release.sync_restrict::shared::cta.cluster;" ::: "memory");
#else
  asm volatile("fence.acq_rel.cluster;" ::: "memory");
#endif
}
