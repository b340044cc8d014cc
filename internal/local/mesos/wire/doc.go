// Package wire is the HTTP side of the Mesos v1 APIs as a server speaks it: content negotiation, RecordIO streams, the
// bodies in JSON and in protobuf, and the words with which a real Mesos refuses what it cannot read. The stand-in master
// (scheduler and operator API) and agent (executor and operator API) share it.
//
// Promises: the status codes, header names and texts of the recordings of a real Mesos 1.12-dev, in JSON and in protobuf.
// Not promised: the byte-for-byte layout of JSON (the order of an object's keys); Mesos does not promise it either.
//
// The messages are mesos-go's, but not their JSON: MarshalJSON and UnmarshalJSON here follow Mesos's own rules (stout's
// protobuf.hpp) by reflection on the protobuf tags. Empty lists are left out, fields with a default are always written,
// unknown fields and unknown enum values are ignored on reading, and what is wrong or missing is named by its path.
//
// Start reading at ReadCall (requests), WriteMessage and Refuse (answers), Stream (event streams).
package wire
