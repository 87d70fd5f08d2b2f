namespace OnnxMoe.Placement.Simulation;

/// <summary>In which order the tiles of the first product run.</summary>
public enum TileOrder
{
    /// <summary>Expert by expert.</summary>
    Plain,

    /// <summary>Comet's stage schedule: by the stage at which a tile's rows are all there, then by expert.</summary>
    Stage,

    /// <summary>Comet's greedy schedule: a cursor in each expert's rows, and always the piece of several tiles that needs the fewest sources so far, ties by expert.</summary>
    Greedy,
}
