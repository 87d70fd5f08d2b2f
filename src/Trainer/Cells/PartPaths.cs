using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Cells;

/// <summary>Architectures at random from the part of a space that each edge's allowed operations make, drawn again until the cell's input reaches its output.</summary>
/// <param name="supernet">Whose space.</param>
/// <param name="allowed">[edges][operations]; there is a network among them.</param>
/// <param name="count">Of a step.</param>
/// <param name="seed">Of the draws.</param>
public sealed class PartPaths(CellClassifier supernet, IReadOnlyList<bool[]> allowed, int count, long seed) : PathSampler
{
    private const long Purpose = 11_001;

    private readonly int[][] _choices = [.. allowed.Select(row => Enumerable.Range(0, row.Length).Where(op => row[op]).ToArray())];

    public override IReadOnlyList<Architecture> Sample(int step) => [.. Enumerable.Range(0, count).Select(path => Draw(step, path))];

    private Architecture Draw(int step, int path)
    {
        for (var attempt = 0; ; attempt++)
        {
            var drawn = supernet.Space.Of([.. _choices.Select((choices, edge) => choices[(int)(StatelessRandom.Next(seed, Purpose, step, path, attempt, edge) % (ulong)choices.Length)])]);
            if (supernet.IsValid(drawn))
                return drawn;
        }
    }
}
