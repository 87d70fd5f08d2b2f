namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>A token that is found in the text before anything else, whole.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">True when it is a mark rather than text: decoding gives nothing.</param>
public sealed record AddedToken(int Id, string Content, bool Special);
