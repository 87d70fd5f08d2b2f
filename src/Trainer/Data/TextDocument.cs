namespace OnnxMoe.Trainer.Data;

/// <summary>One text: the unit that goes as a whole into training, validation or test.</summary>
/// <param name="Name">The file's name, relative to the source.</param>
/// <param name="Text">Its text.</param>
public sealed record TextDocument(string Name, string Text);
