namespace OnnxMoe.Placement.Mappings;

/// <summary>What the ranks along an axis of a grid divide among them.</summary>
public enum GridAxis
{
    /// <summary>Tensor parallelism: the columns and rows of each matrix. In the grid of the experts this is ETP.</summary>
    Tp,

    /// <summary>Context parallelism: the tokens of a sequence.</summary>
    Cp,

    /// <summary>Expert parallelism: the experts of a layer.</summary>
    Ep,

    /// <summary>Data parallelism: the sequences of a batch. In the grid of the experts this is EDP.</summary>
    Dp,

    /// <summary>Pipeline parallelism: the layers.</summary>
    Pp,
}
