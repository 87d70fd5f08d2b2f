using System.Reflection;
using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Cli.Settings;

/// <summary>
/// A section of the recipe and the options class that it fills; the root has the empty name. A property whose class has settings of
/// its own is a section within the section: Model:Router.
/// </summary>
public sealed class SettingSection
{
    readonly IReadOnlyList<(PropertyInfo Property, SettingSection Section)> _inner;

    public SettingSection(string name, Type optionsType)
    {
        Name = name;
        OptionsType = optionsType;
        var defaults = Activator.CreateInstance(optionsType)!;
        Settings =
        [
            .. from property in optionsType.GetProperties()
               let attribute = property.GetCustomAttribute<SettingAttribute>()
               where attribute is not null
               select new Setting(name, property, attribute, property.GetValue(defaults)),
        ];
        _inner =
        [
            .. from property in optionsType.GetProperties()
               where property.PropertyType.IsClass && property.PropertyType.GetProperties().Any(p => p.IsDefined(typeof(SettingAttribute)))
               select (property, new SettingSection(name.Length == 0 ? property.Name : $"{name}:{property.Name}", property.PropertyType)),
        ];
    }

    public string Name { get; }

    /// <summary>The last part of <see cref="Name"/>: the key in the section around it.</summary>
    public string LocalName => Name[(Name.LastIndexOf(':') + 1)..];

    public Type OptionsType { get; }

    /// <summary>The settings of this section itself.</summary>
    public IReadOnlyList<Setting> Settings { get; }

    /// <summary>The sections directly within this one.</summary>
    public IEnumerable<SettingSection> Inner => _inner.Select(i => i.Section);

    /// <summary>This section and all within it, outer ones first.</summary>
    public IEnumerable<SettingSection> WithInner => [this, .. Inner.SelectMany(section => section.WithInner)];

    /// <summary>A new options object: the defaults, and over them the given values, in the sections within it too.</summary>
    public object CreateOptions(IReadOnlyDictionary<Setting, object> given)
    {
        var options = Activator.CreateInstance(OptionsType)!;
        foreach (var setting in Settings)
        {
            if (given.TryGetValue(setting, out var value))
                setting.Property.SetValue(options, value);
        }
        foreach (var (property, section) in _inner)
            property.SetValue(options, section.CreateOptions(given));
        return options;
    }
}
