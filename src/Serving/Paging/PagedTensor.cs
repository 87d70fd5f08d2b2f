namespace OnnxMoe.Serving.Paging;

/// <summary>A cache of the model that is on pages: the keys of an attention, or its values.</summary>
/// <param name="Name">As the file calls the input.</param>
/// <param name="Heads">Key heads.</param>
/// <param name="HeadSize">Numbers of each.</param>
internal sealed record PagedTensor(string Name, int Heads, int HeadSize)
{
    /// <summary>Numbers it holds of a token.</summary>
    public int Width => Heads * HeadSize;
}
