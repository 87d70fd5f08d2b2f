namespace OnnxMoe.Placement.Collectives;

/// <summary>A piece of data that a collective moves: from the rank that had it to the rank that is to have it (-1: all).</summary>
/// <param name="Source">Whose it is at the beginning; -1 for a sum over all ranks.</param>
/// <param name="Target">Whose it is at the end; -1 for all.</param>
public readonly record struct Chunk(int Source, int Target);
