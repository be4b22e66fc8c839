/**
 * Redirects user to ticket system with authentication
 * @param {Event} e - Click event (optional)
 * @param {boolean} openInNewTab - Whether to open in new tab (default: true)
 */
function contactSupport(e, openInNewTab = true) {
    if (e) e.preventDefault();

    const user = window.authUser;

    // Check if user is logged in
    if (!user || !user.email) {
        // Redirect to login page
        alert('Please sign in to submit a support ticket.');
        window.location = '/login'; // Adjust to your login URL
        return;
    }

    // Create form for POST request
    const form = document.createElement('form');
    form.method = 'POST';
    form.action = 'https://tickets.flare99.com/api/auth/redirect/yourcompany'; // Replace 'yourcompany'
    form.acceptCharset = 'UTF-8';

    // Open in new tab (preserves current page)
    if (openInNewTab) {
        form.target = '_blank';
    }

    // Add user data as hidden fields
    const fields = {
        email: user.email,
        name: user.name || '',
        redirect_url: 'https://ticket.yourcompany.com/dashboard' // Optional
    };

    for (const [name, value] of Object.entries(fields)) {
        const input = document.createElement('input');
        input.type = 'hidden';
        input.name = name;
        input.value = value;
        form.appendChild(input);
    }

    // Submit form
    document.body.appendChild(form);
    form.submit();
    form.remove();
}
